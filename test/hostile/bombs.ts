/** Bytes of the largest message that is taken (DESIGN §8). */
export const LARGEST = 26_214_400;

export interface Bomb {
  readonly name: string;
  /** What is said to the final dot: reply code and enhanced status code. */
  readonly reply: RegExp;
  readonly bytes: () => Buffer;
}

const REFUSED = {
  size: /^552 5\.3\.4 /,
  header: /^552 5\.3\.4 /,
  loop: /^554 5\.4\.6 /,
  signatures: /^550 5\.6\.0 /,
  structure: /^554 5\.6\.0 /,
  bytes: /^550 5\.6\.11 /,
};
const PLAIN = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";
const TAKEN = /^250 2\.0\.0 /;

/** Header lines, a blank line, the body; CRLF throughout. */
export function letter(headers: readonly string[], body = "Hello.\r\n"): Buffer {
  return Buffer.from([...FIELDS, ...headers, "", body].join("\r\n"), "latin1");
}

const FIELDS = ["From: boss@acme.example", "Subject: bomb"];

/** A header block of exactly so many bytes, its blank line included. */
function headerOf(bytes: number): Buffer {
  const field = `X-Pad: ${"x".repeat(900)}`;
  const pads = Array<string>(Math.floor(bytes / 1_000)).fill(field);
  const rest = bytes - letter([...pads, "X-Rest: "], "").length;
  return letter([...pads, `X-Rest: ${"y".repeat(rest)}`]);
}

function multipart(parts: number, part = "Content-Type: text/plain\r\n\r\nx"): Buffer {
  const body = `${`--b\r\n${part}\r\n`.repeat(parts)}--b--\r\n`;
  return letter(["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"'], body);
}

function nestedMultiparts(levels: number): Buffer {
  const open = (level: number): string => `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`;
  const opened = Array.from({ length: levels }, (_, level) => open(level)).join("");
  const closed = Array.from({ length: levels }, (_, level) => `\r\n--b${levels - 1 - level}--\r\n`).join("");
  return Buffer.from(`${FIELDS.join("\r\n")}\r\nMIME-Version: 1.0\r\n${opened}Content-Type: text/plain\r\n\r\nx${closed}`);
}

function nestedMessages(levels: number): Buffer {
  const opened = "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nMIME-Version: 1.0\r\n".repeat(levels);
  return Buffer.from(`${FIELDS.join("\r\n")}\r\nMIME-Version: 1.0\r\n${opened}Content-Type: text/plain\r\n\r\nx\r\n`);
}

const SIGNATURE = "DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=rsa; h=from; bh=AAAA; b=AAAA";

function arcSets(count: number): Buffer {
  const sets = Array.from({ length: count }, (_, index) => [
    `ARC-Seal: i=${index + 1}; a=rsa-sha256; cv=none; d=acme.example; s=rsa; b=AAAA`,
    `ARC-Message-Signature: i=${index + 1}; a=rsa-sha256; d=acme.example; s=rsa; h=from; bh=AAAA; b=AAAA`,
    `ARC-Authentication-Results: i=${index + 1}; acme.example; spf=pass`,
  ]);
  return letter(sets.flat());
}

/** A body of this text over and over, up to `size` bytes for the whole message, which ends with a CRLF. */
export function filled(type: string, text: string, size = LARGEST, extra: readonly string[] = []): Buffer {
  const head = letter(["MIME-Version: 1.0", `Content-Type: ${type}`, ...extra], "");
  const line = Buffer.from(text, "latin1");
  const body = Buffer.alloc(size - head.length, line);
  // The last line may be any length, but must not be cut in its CRLF.
  body.fill("x", Math.floor(body.length / line.length) * line.length).write("x\r\n", body.length - 3, "latin1");
  return Buffer.concat([head, body]);
}

function folded(name: string, bytes: number): Buffer {
  const line = "<0123456789abcdef0123456789abcdef@x.example>";
  return letter([`${name}: ${Array.from({ length: Math.ceil(bytes / (line.length + 3)) }, () => line).join("\r\n ")}`]);
}

/** Every limit of DESIGN §8 on one message, one past its edge and at its edge, and the bombs known for mail readers. */
export const BOMBS: readonly Bomb[] = [
  { name: "25 MiB and a byte", reply: REFUSED.size, bytes: () => filled("text/plain", "x".repeat(76) + "\r\n", LARGEST + 1) },
  { name: "a header block of 64 KiB and a byte", reply: REFUSED.header, bytes: () => headerOf(65_537) },
  { name: "a header block of 64 KiB", reply: TAKEN, bytes: () => headerOf(65_536) },
  { name: "1,001 header lines", reply: REFUSED.header, bytes: () => letter(Array<string>(999).fill("X-Line: y")) },
  { name: "1,000 header lines", reply: TAKEN, bytes: () => letter(Array<string>(998).fill("X-Line: y")) },
  { name: "1 MB of folded References", reply: REFUSED.header, bytes: () => folded("References", 1_000_000) },
  { name: "1 MB of folded From", reply: REFUSED.header, bytes: () => folded("From", 1_000_000) },
  { name: "939 lines of folded References", reply: TAKEN, bytes: () => folded("References", 44_000) },
  { name: "101 Received fields", reply: REFUSED.loop, bytes: () => letter(Array<string>(101).fill("Received: from x by y")) },
  { name: "100 Received fields", reply: TAKEN, bytes: () => letter(Array<string>(100).fill("Received: from x by y")) },
  { name: "11 DKIM signatures", reply: REFUSED.signatures, bytes: () => letter(Array<string>(11).fill(SIGNATURE)) },
  { name: "10 DKIM signatures", reply: TAKEN, bytes: () => letter(Array<string>(10).fill(SIGNATURE)) },
  {
    name: "900 DKIM signatures",
    reply: REFUSED.signatures,
    bytes: () => letter(Array<string>(900).fill("DKIM-Signature: v=1; d=a.example; s=a; b=A")),
  },
  { name: "1,000 DKIM signatures", reply: REFUSED.header, bytes: () => letter(Array<string>(1_000).fill(SIGNATURE)) },
  { name: "51 ARC sets", reply: REFUSED.signatures, bytes: () => arcSets(51) },
  { name: "50 ARC sets", reply: TAKEN, bytes: () => arcSets(50) },
  { name: "MIME depth 101", reply: REFUSED.structure, bytes: () => nestedMultiparts(100) },
  { name: "MIME depth 100", reply: TAKEN, bytes: () => nestedMultiparts(99) },
  { name: "1,001 parts", reply: REFUSED.structure, bytes: () => multipart(1_000) },
  { name: "1,000 parts", reply: TAKEN, bytes: () => multipart(999) },
  { name: "20,000 parts", reply: REFUSED.structure, bytes: () => multipart(20_000) },
  { name: "1,000 nested multiparts", reply: REFUSED.structure, bytes: () => nestedMultiparts(1_000) },
  { name: "500 nested message/rfc822", reply: REFUSED.structure, bytes: () => nestedMessages(500) },
  { name: "a line of 1,000,000 characters", reply: TAKEN, bytes: () => filled("text/plain", "x", 1_000_000) },
  { name: "a line of 999 characters", reply: TAKEN, bytes: () => letter([], `${"x".repeat(999)}\r\n`) },
  { name: "a bare line feed", reply: REFUSED.bytes, bytes: () => letter([], "a\nb\r\n") },
  { name: "a bare carriage return", reply: REFUSED.bytes, bytes: () => letter([], "a\rb\r\n") },
  { name: "a NUL", reply: REFUSED.bytes, bytes: () => letter([], "a\0b\r\n") },
  { name: "a bare line feed in the header", reply: REFUSED.bytes, bytes: () => letter(["X-A: b\nX-C: d"]) },
];

/** Messages within every limit, each as unpleasant to read as its kind allows, as large as told. */
export const HEAVY: readonly { readonly name: string; readonly bytes: (size: number) => Buffer }[] = [
  heavy("text", PLAIN, "word ".repeat(14) + "\r\n"),
  heavy("HTML tags", HTML, "<div><b>x</b>\r\n"),
  heavy("one line", PLAIN, "x"),
  heavy("empty lines", PLAIN, "\r\n\r\n"),
  heavy("quoted-printable", PLAIN, "=C3=A9=".repeat(10) + "\r\n", "quoted-printable"),
  heavy("base64", HTML, `${"PGI+".repeat(19)}\r\n`, "base64"),
  heavy("invisible characters", PLAIN, utf8("a\u200b\u{e0041}\ufe00\ufe01".repeat(8)) + "\r\n"),
  heavy("zero-width spaces", PLAIN, utf8("\u200b")),
  heavy("Unicode tags", PLAIN, utf8("\u{e0041}")),
  heavy("variation selectors", PLAIN, utf8("\u{e0141}")),
  heavy("Japanese", PLAIN, utf8("東京")),
  heavy("combining marks", PLAIN, utf8("\u0301")),
  heavy("compatibility characters", PLAIN, utf8("\ufdfa\u{1d400}e\u0301".repeat(8)) + "\r\n"),
  heavy("spaces in HTML", HTML, "&nbsp;"),
  heavy("entities in hidden HTML", HTML, '<p style="display:none">&lt;&#x41;</p>\r\n'),
  heavy("comments in HTML", HTML, "<!-- x --><!--"),
  heavy("open tags", HTML, "<a href=x "),
  heavy("styles", HTML, "<style>.a,.b{color:red}</style><p class='a b'>x"),
  { name: "an attached message", bytes: (size) => attachedMessages(1, size - 1_000) },
  { name: "99 nested messages", bytes: (size) => attachedMessages(98, size / 35) },
];

function heavy(name: string, type: string, text: string, encoding = "8bit"): (typeof HEAVY)[number] {
  return { name, bytes: (size) => filled(type, text, size, [`Content-Transfer-Encoding: ${encoding}`]) };
}

/** Sent by name from a thread of their own: everything above, and some of the heavy ones. */
export const SENT: readonly Bomb[] = [
  ...BOMBS,
  large("text", LARGEST),
  large("HTML tags", LARGEST / 2),
  large("99 nested messages", LARGEST / 2),
];

function large(name: string, size: number): Bomb {
  const one = HEAVY.find((heavy) => heavy.name === name);
  return { name: `large ${name}`, reply: TAKEN, bytes: () => one?.bytes(size) ?? letter([]) };
}

/** The Latin-1 text of the UTF-8 bytes. */
function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** `levels` messages one in another, around a text that counts again at every level. */
function attachedMessages(levels: number, size: number): Buffer {
  const opened = "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nMIME-Version: 1.0\r\n".repeat(levels);
  const head = Buffer.from(`${FIELDS.join("\r\n")}\r\nMIME-Version: 1.0\r\n${opened}Content-Type: text/html\r\n\r\n`);
  return Buffer.concat([head, Buffer.from("<p>words</p>\r\n".repeat(Math.floor(size / 14)))]);
}
