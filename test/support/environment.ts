const SHARED = ["PATH", "HOME", "NODE_COMPILE_CACHE"];

/** What every child process of a test may have of ours; settings are not among it. The cache spares it most of its loading. */
export const ENVIRONMENT = only(SHARED);

/** Of services in scenarios that `npm run soak` plays as well, there in threads: workflows run where those of the tests' own process do. */
export const SOAKED_ENVIRONMENT = only([...SHARED, "TEMPORAL_DEBUG"]);

function only(names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
