import { createHash } from "node:crypto";
import { RE2Set } from "re2js";
import { PosternError } from "../model/errors.ts";
import { GUARDED_PLACES } from "../model/finding.ts";
import type { Finding, GuardedPlace, Span, Where } from "../model/finding.ts";
import { CONTENT_GUARD } from "../model/guards.ts";
import type { GuardViews } from "../model/guards.ts";
import { fold, TAGS } from "./fold.ts";
import type { Folded } from "./fold.ts";
import type { Guard } from "./guard.ts";
import { locate } from "./locate.ts";
import { parsePattern, type Pattern } from "./pattern.ts";
import { textOf } from "./place.ts";

/** A policy's content guards as a scan needs them. `digest` names the policy; equal digests have equal guards. */
export interface ContentPatterns {
  readonly digest: string;
  readonly guards: readonly { readonly pattern: string; readonly in: readonly Where[] }[];
}

/** Spans looked up in one message; findings beyond have none. Bounds the work, loses no finding. */
const MAX_SPANS = 50;

/** Patterns a set: more of them share a pass over the text, fewer keep the automaton of a hostile text small. */
const SET_SIZE = 16;

/** Instructions a set: what one pass over a text can cost before the time is looked at again. */
const SET_STEPS = 1_500;

/** Milliseconds of processor time one message may take; then it is a fault and the message is held. Others wait for the thread. */
const SCAN_MS = 3_000;

/** Bytes of automaton a set may cache before it goes on without cache. */
const SET_MEMORY = 1 << 20;

/**
 * The guard of the policy's own patterns. Each is matched against the text as it is and as a person reads it (`fold`):
 * a line break or a zero-width space does not hide a phrase, nor do tag characters, whether they spell it or split it.
 * One finding per (pattern, place).
 */
export function contentGuard(patterns: ContentPatterns): Guard {
  const compiled = compiledPatterns(patterns);
  return {
    name: CONTENT_GUARD,
    look: (views) => GUARDED_PLACES.flatMap(lookAt(views, { ...compiled, since: performance.now(), started: process.threadCpuUsage() })),
  };
}

interface Compiled {
  readonly expressions: readonly string[];
  readonly places: readonly ReadonlySet<Where>[];
  readonly sets: readonly PatternSet[];
}

interface PatternSet {
  /** Index of its first pattern. */
  readonly first: number;
  readonly set: RE2Set;
}

interface Scan extends Compiled {
  /** By the clock, milliseconds: cheap to ask, and a thread has had no more processor time than has passed. */
  readonly since: number;
  readonly started: NodeJS.CpuUsage;
}

function lookAt(views: GuardViews, compiled: Scan): (place: GuardedPlace) => readonly Finding[] {
  let spans = MAX_SPANS;
  return (place) => {
    const text = textOf(views, place);
    if (text === "" || !compiled.places.some((places) => places.has(place))) return [];
    const folded = fold(text);
    const plain = new Set(hits(compiled, text));
    const read = folded.text === text ? [] : hits(compiled, folded.text);
    return [...new Set([...plain, ...read, ...split(compiled, text)])]
      .filter((index) => compiled.places[index]?.has(place) === true)
      .sort((a, b) => a - b)
      .map((index) => {
        const span = spans-- > 0 ? spanOf(compiled.expressions[index] ?? "", text, plain.has(index) ? null : folded) : null;
        return finding(index, place, span);
      });
  };
}

/** What is found without the tag characters, which `fold` reads as the letters they spell. Has no span. */
function split(compiled: Scan, text: string): readonly number[] {
  const untagged = text.replace(TAGS, "");
  return untagged === text ? [] : hits(compiled, fold(untagged).text);
}

function hits(scan: Scan, text: string): readonly number[] {
  return scan.sets.flatMap(({ set, first }) => {
    if (tookTooLong(scan)) throw new PosternError("internal", "the content guards take too long on this message");
    return set.match(text).map((index) => first + index);
  });
}

function tookTooLong({ since, started }: Scan): boolean {
  if (performance.now() - since <= SCAN_MS) return false;
  const { user, system } = process.threadCpuUsage(started);
  return user + system > SCAN_MS * 1_000;
}

function finding(rule_index: number, where: GuardedPlace, span: Span | null): Finding {
  return { guard: CONTENT_GUARD, code: "content_match", severity: 2, where, rule_index, ...(span === null ? {} : { span }) };
}

function spanOf(expression: string, text: string, folded: Folded | null): Span | null {
  const found = locate(expression, folded?.text ?? text);
  if (found === null) return null;
  const { start, end } = folded?.origin(found.start, found.end) ?? found;
  return { offset: start, length: end - start, sha256: createHash("sha256").update(text.slice(start, end)).digest("hex") };
}

/** Compiled policies by digest, least recently used first. Per thread. */
const cache = new Map<string, Compiled>();
const CACHE_SIZE = 32;

function compiledPatterns(patterns: ContentPatterns): Compiled {
  const compiled = cache.get(patterns.digest) ?? compile(patterns);
  cache.delete(patterns.digest);
  cache.set(patterns.digest, compiled);
  const oldest = cache.size > CACHE_SIZE ? cache.keys().next().value : undefined;
  if (oldest !== undefined) cache.delete(oldest);
  return compiled;
}

function compile({ guards }: ContentPatterns): Compiled {
  const parsed = guards.map(({ pattern }, index) => patternOf(pattern, index));
  const sets: PatternSet[] = [];
  for (let first = 0; first < parsed.length;) {
    const group = groupAt(parsed, first);
    const set = new RE2Set(RE2Set.UNANCHORED, 0, SET_MEMORY);
    for (const { expression } of group) set.add(expression);
    set.compile();
    sets.push({ first, set });
    first += group.length;
  }
  return { expressions: parsed.map(({ expression }) => expression), places: guards.map((guard) => new Set(guard.in)), sets };
}

/** The patterns from `first` that share a set; at least one. */
function groupAt(patterns: readonly Pattern[], first: number): readonly Pattern[] {
  let steps = 0;
  const group = patterns.slice(first, first + SET_SIZE);
  const end = group.findIndex(({ size }, index) => (steps += size) > SET_STEPS && index > 0);
  return end < 0 ? group : group.slice(0, end);
}

/** A stored policy was checked when it was stored, so this is a fault of the gate, not of the message. */
function patternOf(pattern: string, index: number): Pattern {
  const parsed = parsePattern(pattern);
  if (parsed.ok) return parsed.pattern;
  throw new PosternError("invalid_policy", `content guard ${index} ${parsed.problem.what}`, { fix: parsed.problem.fix });
}
