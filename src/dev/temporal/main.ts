import { PosternError } from "../../model/errors.ts";
import { findTemporal } from "./find.ts";
import { createProgress } from "./progress.ts";

// Run by src/dev/setup.mjs before tests, so that the one long wait is seen and explained outside the test runner.
try {
  await findTemporal(process.env, createProgress(process.stderr));
} catch (error) {
  if (!(error instanceof PosternError)) throw error;
  if (error.detail !== undefined) console.error(error.detail);
  console.error(`postern: ${error.message}; ${error.fix ?? ""}`);
  process.exitCode = 1;
}
