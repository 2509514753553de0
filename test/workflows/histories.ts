import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { historyFromJSON, type History } from "@temporalio/common/lib/proto-utils.js";

/** A folder for each version that recorded some, and for what a version did differently before. */
export const HISTORIES = fileURLToPath(new URL("../histories", import.meta.url));

export interface StoredHistory {
  /** `<version>/<workflow>-<path>`. */
  readonly name: string;
  readonly text: string;
}

export async function storedHistories(): Promise<readonly StoredHistory[]> {
  const files = (await readdir(HISTORIES, { recursive: true })).filter((file) => file.endsWith(".json")).toSorted();
  const read = async (file: string) => ({ name: file.slice(0, -".json".length), text: await readFile(join(HISTORIES, file), "utf8") });
  return Promise.all(files.map(read));
}

export function historyIn(text: string): History {
  return historyFromJSON(JSON.parse(text));
}

/** Every payload of an exported history as the text it stands for. */
export function payloadsIn(text: string): readonly string[] {
  const found: string[] = [];
  JSON.parse(text, (key, value: unknown) => {
    if (key === "data" && typeof value === "string") found.push(Buffer.from(value, "base64").toString("utf8"));
    return value;
  });
  return found;
}
