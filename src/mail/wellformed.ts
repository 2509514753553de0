/**
 * The one step every string from a message passes before SQL, JSON or history: no NUL, no lone surrogate, at most `max`
 * UTF-16 units. PostgreSQL refuses the first two, and a gate that stores them unescaped would answer 451 for ever.
 */
export function wellFormed(text: string, max: number): string {
  // Cut first: a cut may split a surrogate pair, and what is left must be repaired too.
  const bounded = text.length > max ? text.slice(0, max) : text;
  const plain = bounded.includes("\0") ? bounded.replaceAll("\0", "") : bounded;
  return plain.isWellFormed() ? plain : plain.toWellFormed();
}

/** As `wellFormed`, for values that are one line: subjects, file names, addresses. */
export function wellFormedLine(text: string, max: number): string {
  let line = "";
  for (const character of wellFormed(text, max)) line += isControl(character) ? " " : character;
  return line.trim();
}

function isControl(character: string): boolean {
  const code = character.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029;
}
