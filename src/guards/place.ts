import type { GuardedPlace } from "../model/finding.ts";
import type { GuardViews } from "../model/guards.ts";

/** The text a span's offsets count in: the view itself, the entries of a list joined by line feeds. */
export function textOf(views: GuardViews, place: GuardedPlace): string {
  const view = views[place];
  return typeof view === "string" ? view : view.join("\n");
}
