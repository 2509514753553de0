// RFC 2047 encoded words and the folding around them. Everything that leaves is printable ASCII in lines of at most 76.

/** Bytes of one encoded word's text: 45 make 60 characters of base64, 72 with the frame; RFC 2047 §2 allows 75. */
const WORD_BYTES = 45;
const LINE = 76;

/** An unstructured field such as Subject. Reading it gives back `text` exactly; the caller refuses line ends and controls. */
export function formatTextField(name: string, text: string): string {
  const words = isPlain(text) ? text.split(" ") : encodeWords(text);
  return fold([`${name}:`, ...words]);
}

/** A field whose words may be parted by white space, such as addresses or Message-IDs. */
export function formatField(name: string, words: readonly string[]): string {
  return fold([`${name}:`, ...words]);
}

/** A display name before its address (RFC 5322 §3.2.5), as words of a field. */
export function formatPhrase(name: string): readonly string[] {
  if (!isPlain(name)) return encodeWords(name);
  return name.split(" ").every(isAtom) ? name.split(" ") : [`"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`];
}

/** Words on lines. A break stands where one space was, so unfolding changes nothing. */
function fold(words: readonly string[]): string {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= LINE) line += ` ${word}`;
    else {
      lines.push(line);
      line = ` ${word}`;
    }
  }
  return [...lines, line].join("\r\n");
}

/** The longest word that stands for itself; a longer one would make a line that some servers cut. */
const PLAIN_WORD = 60;

/** Printable ASCII that no reader takes for an encoded word, in words that can be folded and come back as they were. */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text) && !text.includes("=?") && text.split(" ").every((word) => word !== "" && word.length <= PLAIN_WORD);
}

function isAtom(word: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+$/.test(word);
}

/** Never splits a character between words (RFC 2047 §5). White space between two encoded words is none. */
function encodeWords(text: string): string[] {
  const words: string[] = [];
  let word = "";
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > WORD_BYTES) {
      words.push(word);
      [word, bytes] = ["", 0];
    }
    word += character;
    bytes += size;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`);
}
