/** A text as a person sees it, and what was taken out. */
export interface Revealed {
  readonly text: string;
  /** Words spelled in characters without a shape, decoded. */
  readonly hidden: readonly string[];
}

// Unicode's own list of characters without a shape, and the interlinear ones. One class, so linear; bounded, because a
// run of megabytes is more than the engine's stack. Every character of a run is looked at one by one below.
const SUSPECTS = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]{1,65536}/gu;

/** Takes out every character without a shape and decodes what they spell. */
export function reveal(text: string): Revealed {
  const scan: Scan = { seen: [], hidden: [], tagRun: "", selectorRun: [], last: "" };
  let at = 0;
  for (const run of text.matchAll(SUSPECTS)) {
    show(scan, text.slice(at, run.index));
    for (const character of run[0]) take(scan, character);
    at = run.index + run[0].length;
  }
  if (at === 0) return { text, hidden: [] };
  show(scan, text.slice(at));
  endRuns(scan);
  return { text: scan.seen.join(""), hidden: scan.hidden };
}

interface Scan {
  readonly seen: string[];
  readonly hidden: string[];
  /** Tag characters not yet ended, as ASCII. */
  tagRun: string;
  selectorRun: number[];
  /** The end of the last stretch a person sees. */
  last: string;
}

function show(scan: Scan, stretch: string): void {
  if (stretch === "") return;
  endRuns(scan);
  scan.seen.push(stretch);
  scan.last = stretch.slice(-2);
}

function take(scan: Scan, character: string): void {
  const code = character.codePointAt(0) ?? 0;
  if (isTag(code)) takeTag(scan, code);
  else if (isSelector(code)) scan.selectorRun.push(code);
}

function isTag(code: number): boolean {
  return code >= 0xe0000 && code <= 0xe007f;
}

function takeTag(scan: Scan, code: number): void {
  if (code >= 0xe0020 && code < 0xe007f) scan.tagRun += String.fromCharCode(code - 0xe0000);
}

function endRuns(scan: Scan): void {
  endTags(scan);
  endSelectors(scan);
}

const FLAG = "\u{1f3f4}";
const FLAGS = ["gbeng", "gbsct", "gbwls"];

function endTags(scan: Scan): void {
  const run = scan.tagRun;
  scan.tagRun = "";
  // The flags of England, Scotland and Wales are spelled in tags, and nothing else is.
  if (run === "" || (scan.last === FLAG && FLAGS.includes(run))) return;
  scan.hidden.push(run);
}

function endSelectors(scan: Scan): void {
  const run = scan.selectorRun;
  scan.selectorRun = [];
  if (run.length === 0) return;
  // One selector after a character chooses its look, as in an emoji.
  if (run.length === 1 && (run[0] === 0xfe0e || run[0] === 0xfe0f)) {
    scan.seen.push(String.fromCodePoint(run[0]));
    return;
  }
  const spelled = Buffer.from(run.map(selectorByte)).toString("utf8").trim();
  if (run.length > 1 && spelled !== "") scan.hidden.push(spelled);
}

function isSelector(code: number): boolean {
  return (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0100 && code <= 0xe01ef);
}

function selectorByte(code: number): number {
  return code >= 0xe0100 ? code - 0xe0100 + 16 : code - 0xfe00;
}
