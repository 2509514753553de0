// Entry of a thread: reads one answer over HTTP.
import { parentPort, workerData } from "node:worker_threads";

const { url, key } = workerData as { readonly url: string; readonly key: string };
const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
parentPort?.postMessage(await answer.arrayBuffer());
