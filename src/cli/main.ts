#!/usr/bin/env node
import { processDeps } from "./process.ts";
import { run } from "./program.ts";

process.exitCode = await run(process.argv.slice(2), processDeps());
