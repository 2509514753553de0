import { afterAll } from "vitest";
import { endFile } from "./file.ts";

// Run for every test file.
afterAll(endFile);
