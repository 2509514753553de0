import type { Round } from "./estate-rounds.ts";
import { mean, median } from "./figures.ts";
import type { Figure } from "./measurement.ts";
import { PARTS, type Part } from "./parts.ts";
import { HAS_PROC } from "./processor.ts";

const WITH_ONE = PARTS.filter((part) => part !== "second worker");

/** Of rounds with one worker and with two, two of each in every turn. */
export function toFigures(one: readonly Round[], two: readonly Round[]): readonly Figure[] {
  const shares = HAS_PROC ? [...partFigures("one worker", WITH_ONE, one), ...partFigures("two workers", PARTS, two)] : [];
  return [...speedFigures(one, two), ...shares];
}

function speedFigures(one: readonly Round[], two: readonly Round[]): readonly Figure[] {
  const longest = (rounds: readonly Round[]): number => Math.max(...rounds.map((round) => round.longest));
  return [
    { what: "two workers / one worker, messages a second", value: ratio(two, one, rateOf), unit: "×" },
    { what: "one worker", value: typical(one, rateOf), unit: "messages/s" },
    { what: "two workers", value: typical(two, rateOf), unit: "messages/s" },
    { what: "two workers / one worker, answer p50", value: ratio(two, one, p50Of), unit: "×" },
    { what: "answer p50, one worker", value: typical(one, p50Of), unit: "ms" },
    { what: "answer p50, two workers", value: typical(two, p50Of), unit: "ms" },
    { what: "longest answer, one worker", value: longest(one), unit: "ms" },
    { what: "longest answer, two workers", value: longest(two), unit: "ms" },
    { what: "mean size of a message", value: mean([...one, ...two].map(({ bytes }) => bytes)), unit: "bytes" },
  ];
}

function partFigures(setting: string, parts: readonly Part[], rounds: readonly Round[]): readonly Figure[] {
  const used = parts.map((part) => ({ part, ms: typical(rounds, (round) => round.parts[part]) }));
  const all = used.reduce((sum, { ms }) => sum + ms, 0);
  return [
    { what: `${setting}: processor time a message`, value: all, unit: "ms" },
    ...used.map(({ part, ms }) => ({ what: `${setting}: ${part}`, value: ms, unit: "ms" })),
    ...used.map(({ part, ms }) => ({ what: `${setting}: ${part}, share`, value: (ms * 100) / all, unit: "%" })),
  ];
}

type Pick = (round: Round) => number;

const rateOf: Pick = ({ rate }) => rate;
const p50Of: Pick = ({ p50 }) => p50;

function typical(rounds: readonly Round[], pick: Pick): number {
  return median(ofTurns(rounds, pick));
}

function ratio(rounds: readonly Round[], against: readonly Round[], pick: Pick): number {
  const others = ofTurns(against, pick);
  return median(ofTurns(rounds, pick).map((value, turn) => value / (others[turn] ?? Number.NaN)));
}

/** In a turn the rounds of one kind stand around those of the other, so that what drifts drifts for both. */
function ofTurns(rounds: readonly Round[], pick: Pick): readonly number[] {
  const turns = Array.from({ length: rounds.length / 2 }, (_, turn) => rounds.slice(2 * turn, 2 * turn + 2));
  return turns.map((both) => mean(both.map(pick)));
}
