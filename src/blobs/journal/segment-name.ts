import { MARKER } from "./record.ts";

/** A segment's file: `<12 digits>-<marker in hex>`. The marker stands where no damage to the contents reaches it. */
export interface SegmentName {
  /** Later segments have higher numbers. */
  readonly number: number;
  readonly marker: Buffer;
}

export function formatSegmentName({ number, marker }: SegmentName): string {
  return `${String(number).padStart(12, "0")}-${marker.toString("hex")}`;
}

/** Null for a file that is no segment. */
export function parseSegmentName(file: string): SegmentName | null {
  if (file.length !== 13 + 2 * MARKER || !/^\d{12}-[0-9a-f]+$/.test(file)) return null;
  return { number: Number(file.slice(0, 12)), marker: Buffer.from(file.slice(13), "hex") };
}

/** The segments among the files of a directory, oldest first. */
export function segmentsAmong(files: readonly string[]): readonly (SegmentName & { readonly file: string })[] {
  const named = files.toSorted().map((file) => ({ file, name: parseSegmentName(file) }));
  return named.flatMap(({ file, name }) => (name === null ? [] : [{ ...name, file }]));
}
