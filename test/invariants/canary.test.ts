import { describe, expect, it } from "vitest";
import { canary, sightings } from "./canary.ts";

describe("a canary is seen", () => {
  const word = canary("body");

  it.each([
    ["as it is", word],
    ["in capitals", word.toUpperCase()],
    ["in base64", Buffer.from(word).toString("base64")],
    ["in base64 inside a text", Buffer.from(`{"subject":"${word}"}`).toString("base64")],
    ["in base64url after one byte", Buffer.from(`x${word} and more`).toString("base64url")],
    ["in base64 after two bytes", Buffer.from(`xy${word}z`).toString("base64")],
    ["in hexadecimal", Buffer.from(`--${word}`).toString("hex")],
  ])("%s", (_how, text) => {
    expect(sightings(`before ${text} after`, { body: word, other: canary("other") })).toEqual(["body"]);
  });
});
