// Entry of a composer thread.
import { parentPort, workerData } from "node:worker_threads";
import { createFileReader } from "../../blobs/file-reader.ts";
import { answerJobs } from "../answer.ts";
import type { ReaderSetup } from "../protocol.ts";
import { createComposerJobs } from "./jobs.ts";

const { blobRoot, holder } = workerData as ReaderSetup;
const blobs = createFileReader(blobRoot);
if (parentPort !== null) answerJobs(parentPort, holder, (turn) => createComposerJobs(blobs, turn));
