// A stranger's check of an identity header, in a process of its own: `node identity-stranger.ts JWK FILE.eml…`. INVARIANT:
// nothing is imported from this repository; it follows the README's description with libraries that we did not write.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { compactVerify, importJWK, type JWK } from "jose";
import { simpleParser, type AddressObject } from "mailparser";

const [, , key = "", ...files] = process.argv;

async function verdict(raw: Buffer, jwk: JWK): Promise<string> {
  const mail = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true });
  const token = String(mail.headers.get("postern-identity") ?? mail.headers.get("x-multimail-identity")).replace(/\s/g, "");
  const { payload } = await compactVerify(token, await importJWK(jwk, "ES256"));
  const claims = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
  const found: Record<string, unknown> = {
    message_id: (mail.messageId ?? "").slice(1, -1),
    from: addresses(mail.from)[0],
    recipients_sha256: sha256([...addresses(mail.to), ...addresses(mail.cc)].sort().join("\n")),
    body_sha256: sha256(relaxed(raw.subarray(raw.indexOf("\r\n\r\n") + 4).toString("latin1")), "latin1"),
  };
  const differing = Object.keys(found).filter((name) => found[name] !== claims[name]);
  return differing.length === 0 ? "valid" : `not this message: ${differing.join(" ")}`;
}

function addresses(field: AddressObject | AddressObject[] | undefined): string[] {
  return [field ?? []]
    .flat()
    .flatMap(({ value }) => value.flatMap(({ address }) => (address === undefined ? [] : [address.toLowerCase()])));
}

function relaxed(body: string): string {
  const lines = body.split("\r\n").map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""));
  while (lines.at(-1) === "") lines.pop();
  return lines.map((line) => `${line}\r\n`).join("");
}

function sha256(text: string, encoding: BufferEncoding = "utf8"): string {
  return createHash("sha256").update(Buffer.from(text, encoding)).digest("hex");
}

for (const file of files) {
  const said = verdict(readFileSync(file), JSON.parse(key) as JWK).catch((error: Error) => `broken: ${error.name}`);
  process.stdout.write(`${await said}\n`);
}
