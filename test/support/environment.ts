/** What every child process of a test may have of ours; settings are not among it. The cache spares it most of its loading. */
export const ENVIRONMENT: NodeJS.ProcessEnv = Object.fromEntries(
  ["PATH", "HOME", "NODE_COMPILE_CACHE"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);
