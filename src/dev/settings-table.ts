import { Settings } from "../config.ts";

/** The settings that exist, from their schema. What is refused as not built yet has no description and no row. */
export function settingsTable(): string {
  const rows = Object.entries(Settings.shape).flatMap(([name, { description }]) =>
    description === undefined ? [] : [`| \`${name}\` | ${description} |`],
  );
  return ["| setting | meaning |", "| --- | --- |", ...rows].join("\n");
}
