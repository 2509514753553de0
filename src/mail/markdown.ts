import { createContext, Script } from "node:vm";
import { Lexer, Tokenizer, type Tokens } from "marked";
import { formatHtml } from "./markdown-html.ts";
import { formatText } from "./markdown-text.ts";
import { TooMuch } from "./markdown-words.ts";

/** Both readings of an author's Markdown; they come from the same tokens and say the same. */
export interface RenderedMarkdown {
  /** A whole document. */
  readonly html: string;
  readonly text: string;
}

/**
 * Milliseconds by the clock of one try, of which mail takes one; some constructs cost the square of their length. On a busy
 * machine the clock runs while nothing is computed, and what is honest must not be refused for that: it is tried again.
 */
const TRY_MS = 3_000;
const TRIES = 4;
/**
 * Characters that are rendered without a watch on the clock, which costs as much as most mail does: the worst that is known takes
 * a fifth of a second at this length.
 */
const QUICK = 16_384;
/** Cells of one table: a row that is shorter than the heading is filled up, so ten bytes of Markdown can ask for a megabyte. */
const CELLS = 20_000;

/**
 * GFM with HTML as plain text: nothing an author writes becomes markup of its own. Null: too large, too deep or too slow
 * to render.
 */
export function renderMarkdown(markdown: string): RenderedMarkdown | null {
  for (let tried = 1; ; tried++) {
    const started = process.threadCpuUsage();
    const rendered = tryToRender(markdown);
    if (rendered !== "late") return rendered;
    if (tried === TRIES || processorMs(started) > TRY_MS / 2) return null;
  }
}

function processorMs(started: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(started);
  return (user + system) / 1_000;
}

function tryToRender(markdown: string): RenderedMarkdown | null | "late" {
  try {
    return markdown.length <= QUICK ? render(markdown) : withinTime(() => render(markdown));
  } catch (error) {
    if (isTimeout(error)) return "late";
    // A stack that overflows says what `TooMuch` says of the levels it counts.
    if (error instanceof TooMuch || error instanceof RangeError) return null;
    throw error;
  }
}

function render(markdown: string): RenderedMarkdown {
  const tokens = new Lexer({ gfm: true, tokenizer: new PlainHtmlTokenizer() }).lex(markdown);
  return { html: formatHtml(tokens), text: formatText(tokens) };
}

/** Raw HTML is no construct of this Markdown: it stays the text it is, and Markdown inside it is read. */
class PlainHtmlTokenizer extends Tokenizer {
  override html(): undefined {
    return undefined;
  }

  override tag(): undefined {
    return undefined;
  }

  override table(src: string): Tokens.Table | undefined {
    const [, heading, , rows] = this.rules.block.table.exec(src) ?? [];
    if (heading !== undefined && countOf(heading, "|") * countOf(rows ?? "", "\n") > CELLS) throw new TooMuch();
    return super.table(src);
  }
}

function countOf(text: string, character: string): number {
  let count = 1;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) count++;
  return count;
}

const call = new Script("work()");
/** Making one costs ten times what most mail does. */
const context = createContext({ work: null });

/** The only way to stop a computation of somebody else's code from inside the same thread. */
function withinTime<T>(work: () => T): T {
  context["work"] = work;
  try {
    return call.runInContext(context, { timeout: TRY_MS }) as T;
  } finally {
    context["work"] = null;
  }
}

/** The error is of the context's own kind, so it is no `instanceof` ours. */
function isTimeout(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
