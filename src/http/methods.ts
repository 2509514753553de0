/** One described route, as far as telling 404 from 405 needs it. */
export interface DescribedRoute {
  readonly method: string;
  /** With `{name}` for a variable segment. */
  readonly path: string;
}

/** Methods that a path answers; empty when there is no such path. */
export function methodsOf(routes: readonly DescribedRoute[], path: string): readonly string[] {
  const methods = routes.filter((route) => matches(route.path, path)).map((route) => route.method.toUpperCase());
  return [...new Set(methods)].sort();
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return wanted.length === given.length && wanted.every((segment, at) => segmentMatches(segment, given[at] ?? ""));
}

function segmentMatches(wanted: string, given: string): boolean {
  return wanted.startsWith("{") ? given !== "" : wanted === given;
}
