import { createHash } from "node:crypto";
import { GUARDED_PLACES, type Finding, type GuardedPlace } from "../model/finding.ts";
import type { GuardViews, OUTBOUND_GUARDS } from "../model/guards.ts";
import { TAGS } from "./fold.ts";
import type { Guard } from "./guard.ts";
import { textOf } from "./place.ts";
import { seeCards } from "./secrets/cards.ts";
import { seeCredentials } from "./secrets/credentials.ts";
import { readBase64, readQuotedPrintable } from "./secrets/encoded.ts";
import { isKeyFile } from "./secrets/files.ts";
import { seeIbans } from "./secrets/ibans.ts";
import { seeJwts } from "./secrets/jwt.ts";
import { joinLines, readLines, type Joined, type Lines } from "./secrets/lines.ts";
import { seePrivateKeys } from "./secrets/private-key.ts";
import type { Sighting } from "./secrets/sighting.ts";
import { seeTokens } from "./secrets/tokens.ts";

const NAME = "secrets" satisfies keyof typeof OUTBOUND_GUARDS;

/** Findings of one kind in one place. One of them holds a draft; more tell people nothing new. */
const MOST = 20;

/**
 * Keys, tokens, passwords, card and account numbers in mail that leaves, in every text of it and in the names and
 * texts of attachments; as written, with invisible characters taken out, wrapped or quoted lines put together, and what was
 * encoded as base64 or quoted-printable decoded once. Forms with a check digit or checksum are checked, the others must look
 * drawn by a machine.
 */
export const secretsGuard: Guard = {
  name: NAME,
  look: (views) => GUARDED_PLACES.flatMap((place) => [...lookAt(views, place), ...(place === "attachments" ? keyFiles(views) : [])]),
};

function lookAt(views: GuardViews, place: GuardedPlace): readonly Finding[] {
  const text = textOf(views, place);
  const untagged = text.replace(TAGS, "");
  const seen = new Map<string, Finding>();
  const counts = new Map<string, number>();
  const add = ({ code, severity }: Sighting, span: Span | null): void => {
    const count = (counts.get(code) ?? 0) + 1;
    counts.set(code, count);
    const name = `${code} ${span?.start ?? -1}`;
    if (count > MOST || seen.has(name)) return;
    seen.set(name, { guard: NAME, code, severity, where: place, ...(span === null ? {} : { span: spanOf(text, span) }) });
  };
  for (const [sighting, span] of sightings(text)) add(sighting, span);
  // Tag characters spell letters to a model; between those of a key they are there to split it.
  if (untagged !== text) for (const [sighting] of sightings(untagged)) if (!counts.has(sighting.code)) add(sighting, null);
  const unquoted = readQuotedPrintable(text);
  if (unquoted !== null) for (const sighting of seeKeys(linesOf(unquoted))) if (!counts.has(sighting.code)) add(sighting, null);
  return [...seen.values()];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** What is seen, each with its place in the text itself. */
function* sightings(text: string): Generator<readonly [Sighting, Span]> {
  if (text === "") return;
  const lines = readLines(text);
  const joined = joinLines(lines);
  yield* placed(lines, seeCards(lines.text));
  // On one line again, a number is only new where two lines met in it.
  for (const seen of placed(joined, seeCards(joined.text))) if (joined.crosses(seen[0].start, seen[0].end)) yield seen;
  for (const see of [seePrivateKeys, seeTokens, seeJwts, seeCredentials, seeIbans]) yield* placed(joined, see(joined));
  for (const { text: inner, start, end } of readBase64(joined)) {
    for (const { code, severity } of seeKeys(linesOf(inner))) yield* placed(joined, [{ code, severity, start, end }]);
  }
}

/** What nobody encodes by accident. Numbers in encoded data are mostly no cards or accounts. */
function* seeKeys(joined: Joined): Generator<Sighting> {
  for (const see of [seePrivateKeys, seeTokens, seeCredentials]) yield* see(joined);
}

function linesOf(text: string): Joined {
  return joinLines(readLines(text));
}

function* placed(lines: Lines, seen: Iterable<Sighting>): Generator<readonly [Sighting, Span]> {
  for (const sighting of seen) yield [sighting, lines.origin(sighting.start, sighting.end)];
}

function keyFiles({ attachments }: GuardViews): readonly Finding[] {
  const findings: Finding[] = [];
  let offset = 0;
  for (const text of attachments) {
    if (isKeyFile(text)) {
      const span = spanOf(text, { start: 0, end: text.length });
      findings.push({ guard: NAME, code: "key_file", severity: 2, where: "attachments", span: { ...span, offset } });
    }
    offset += text.length + 1;
  }
  return findings.slice(0, MOST);
}

function spanOf(text: string, { start, end }: Span): NonNullable<Finding["span"]> {
  return { offset: start, length: end - start, sha256: createHash("sha256").update(text.slice(start, end)).digest("hex") };
}
