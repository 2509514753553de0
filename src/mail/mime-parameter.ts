// RFC 2231 parameters: a file name of any length in any script, in lines of at most 76 characters.

/** Characters of one section's value. */
const SECTION = 50;

/** `; name=value` with folds in front, to stand after a field's value. */
export function formatParameter(name: string, value: string): string {
  if (isPlain(value)) return `;\r\n ${name}="${value}"`;
  const sections = split(encode(value));
  if (sections.length === 1) return `;\r\n ${name}*=utf-8''${sections[0]}`;
  return sections.map((section, index) => `;\r\n ${name}*${index}*=${index === 0 ? "utf-8''" : ""}${section}`).join("");
}

/** What needs no encoding and fits a line. A percent sign could be taken for an encoding, a quote ends the value. */
function isPlain(value: string): boolean {
  return value.length <= SECTION && /^[\x20-\x7e]*$/.test(value) && !/["\\%']/.test(value) && !value.includes("=?");
}

/** RFC 5987 attr-char stays, every other byte becomes `%XX`. One entry per byte, so that no section splits one. */
function encode(value: string): string[] {
  return Array.from(Buffer.from(value), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

function split(bytes: readonly string[]): string[] {
  const sections = [""];
  for (const byte of bytes) {
    if ((sections.at(-1) as string).length + byte.length > SECTION) sections.push("");
    sections[sections.length - 1] += byte;
  }
  return sections;
}
