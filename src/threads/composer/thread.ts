// Entry of a composer thread.
import { parentPort, workerData } from "node:worker_threads";
import { createBlobReader } from "../../blobs/source.ts";
import { answerJobs } from "../answer.ts";
import type { ReaderSetup } from "../protocol.ts";
import { createComposerJobs } from "./jobs.ts";

const { source, holder } = workerData as ReaderSetup;
const blobs = createBlobReader(source);
if (parentPort !== null) answerJobs(parentPort, holder, (turn) => createComposerJobs(blobs, turn));
