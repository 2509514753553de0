export interface PatternProblem {
  /** What is wrong, to be read after "the pattern". */
  readonly what: string;
  /** Why that is refused, where it does not go without saying. */
  readonly why?: string;
  /** Index into the source (between the slashes, where there are some); null when it is about the whole. */
  readonly position: number | null;
  readonly fix: string;
}

/**
 * Reads a pattern's source once, before the engine sees it: names what a linear engine cannot do with its position,
 * refuses escapes that the engine would read as something else, and estimates the program so that a short source cannot
 * become a huge one (`(?:…){1000}`).
 */
export function scanSource(source: string, maxProgram: number): PatternProblem | null {
  const sizes = new ProgramSizes();
  let at = 0;
  while (at < source.length) {
    const step = readPiece(source, at, sizes);
    if (typeof step !== "number") return step;
    at = step;
    if (sizes.total() > 2 * maxProgram) return tooLarge(maxProgram);
  }
  return source.length === 0 ? problem("is empty", null, "write what to look for") : openGroup(sizes);
}

/** One escape, class, group mark, quantifier or character: the index after it, or what is wrong with it. */
function readPiece(source: string, at: number, sizes: ProgramSizes): number | PatternProblem {
  switch (source.charAt(at)) {
    case "\\":
      return readEscape(source, at, sizes);
    case "[":
      return readClass(source, at, sizes);
    case "(":
      return readGroup(source, at, sizes);
    case ")":
      return sizes.close() ? at + 1 : problem("has a `)` without its `(`", at, "remove it, or write `\\)`");
    case "|":
      sizes.alternative();
      return at + 1;
    case "*":
    case "+":
    case "?":
      sizes.repeat(1, 1);
      return at + 1;
    case "{":
      return readCount(source, at, sizes);
    default:
      sizes.atom();
      return at + 1;
  }
}

const ESCAPES: Readonly<Record<string, RegExp>> = {
  c: /c[A-Za-z]/y,
  x: /x[0-9A-Fa-f]{2}/y,
  u: /u(?:\{[0-9A-Fa-f]{1,6}\}|[0-9A-Fa-f]{4})/y,
  p: /p(?:\{\^?[A-Za-z_]{1,40}\}|[A-Z])/y,
  P: /P(?:\{\^?[A-Za-z_]{1,40}\}|[A-Z])/y,
};

function readEscape(source: string, at: number, sizes: ProgramSizes, inClass = false): number | PatternProblem {
  sizes.atom();
  const letter = source.charAt(at + 1);
  if (letter === "") return problem("ends in a lone `\\`", at, "write `\\\\` for a backslash");
  if (/[1-9]/.test(letter) || source.startsWith("\\k<", at)) return noBackreference(source, at);
  const form = ESCAPES[letter];
  if (form !== undefined) return readLongEscape(source, at, form);
  if (letter === "b" && inClass) return problem("has `\\b` inside a class", at, "write `\\x08` for a backspace");
  if (/[0-9A-Za-z]/.test(letter) && !"dDwWsSbBnrtfv0".includes(letter)) {
    return problem(`has the unknown escape \`\\${letter}\``, at, `write \`${letter}\` for the letter; \`^\` and \`$\` are the ends`);
  }
  return at + 1 + String.fromCodePoint(source.codePointAt(at + 1) ?? 0).length;
}

function readLongEscape(source: string, at: number, form: RegExp): number | PatternProblem {
  form.lastIndex = at + 1;
  const text = form.exec(source)?.[0];
  if (text === undefined)
    return problem(`has an incomplete escape \`\\${source.charAt(at + 1)}\``, at, "write `\\xHH`, `\\u{H…}`, `\\cA` or `\\p{Name}`");
  if (/^u\{?d[89a-f]/i.test(text) && text.replace(/[u{}]/g, "").length === 4) {
    return problem("has half a surrogate pair", at, "write the character itself or `\\u{1F600}`");
  }
  return at + 1 + text.length;
}

function noBackreference(source: string, at: number): PatternProblem {
  const text = /^\\(?:k<[^>]{0,40}>?|\d{1,3})/.exec(source.slice(at))?.[0] ?? "\\";
  return { what: `has the backreference \`${text}\``, why: NOT_LINEAR, position: at, fix: "write out what may repeat" };
}

function readClass(source: string, at: number, sizes: ProgramSizes): number | PatternProblem {
  sizes.atom();
  // `[]` and `[^]` are JavaScript's "nothing" and "anything".
  for (let next = source.charAt(at + 1) === "^" ? at + 2 : at + 1; next < source.length;) {
    if (source.charAt(next) === "]") return next + 1;
    const step = source.charAt(next) === "\\" ? readEscape(source, next, new ProgramSizes(), true) : next + 1;
    if (typeof step !== "number") return step;
    next = step;
  }
  return problem("has a `[` without its `]`", at, "close the class, or write `\\[`");
}

const NOT_LINEAR = "which no linear-time engine can match";

const LOOKAROUND: readonly (readonly [mark: string, name: string])[] = [
  ["(?=", "lookahead"],
  ["(?!", "negative lookahead"],
  ["(?<=", "lookbehind"],
  ["(?<!", "negative lookbehind"],
  ["(?>", "atomic group"],
];

function readGroup(source: string, at: number, sizes: ProgramSizes): number | PatternProblem {
  for (const [mark, name] of LOOKAROUND) {
    if (source.startsWith(mark, at)) {
      return {
        what: `has the ${name} \`${mark}\``,
        why: NOT_LINEAR,
        position: at,
        fix: "match the surrounding text itself, or use two guards",
      };
    }
  }
  const lone = /^\(\?[imsU-]*\)/.exec(source.slice(at, at + 12))?.[0];
  if (lone !== undefined) return at + lone.length;
  sizes.open(at);
  const head = /^\(\?(?:P?<[^>]{1,64}>|[imsU-]*:)/.exec(source.slice(at, at + 80))?.[0];
  return at + (head ?? "(").length;
}

function readCount(source: string, at: number, sizes: ProgramSizes): number {
  const count = /^\{(\d{1,6})(,(\d{0,6}))?\}/.exec(source.slice(at, at + 20));
  if (count === null) {
    sizes.atom();
    return at + 1;
  }
  const least = Number(count[1]);
  const most = count[2] === undefined ? least : count[3] === "" ? least + 1 : Number(count[3]);
  sizes.repeat(least, most);
  return at + count[0].length;
}

function openGroup(sizes: ProgramSizes): PatternProblem | null {
  const at = sizes.unclosed();
  return at === null ? null : problem("has a `(` without its `)`", at, "close the group, or write `\\(`");
}

function tooLarge(maxProgram: number): PatternProblem {
  return problem(`compiles to more than the ${maxProgram} steps allowed`, null, "shorten the counted repetitions");
}

function problem(what: string, position: number | null, fix: string): PatternProblem {
  return { what, position, fix };
}

/** Instructions the pieces read so far become, roughly: a step an atom, a step and a branch an optional one. */
class ProgramSizes {
  #done = 0;
  #last = 0;
  readonly #open: { readonly at: number; readonly done: number }[] = [];

  atom(): void {
    this.#done += this.#last;
    this.#last = 1;
  }

  alternative(): void {
    this.#done += this.#last + 1;
    this.#last = 0;
  }

  repeat(least: number, most: number): void {
    this.#last = this.#last * Math.max(least, most, 1) + Math.max(most - least, 1);
  }

  open(at: number): void {
    this.#open.push({ at, done: this.#done + this.#last });
    this.#done = 0;
    this.#last = 0;
  }

  close(): boolean {
    const group = this.#open.pop();
    if (group === undefined) return false;
    this.#last = this.#done + this.#last + 2;
    this.#done = group.done;
    return true;
  }

  total(): number {
    return this.#done + this.#last;
  }

  unclosed(): number | null {
    return this.#open.at(-1)?.at ?? null;
  }
}
