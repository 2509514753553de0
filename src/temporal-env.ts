/**
 * Whether the environment names a Temporal server of one's own, by the names that `@temporalio/envconfig` reads; otherwise the embedded
 * one is started. A profile in Temporal's default configuration file alone does not count: it may be there for other work.
 */
export function isTemporalExternal(env: NodeJS.ProcessEnv): boolean {
  return ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"].some((name) => (env[name] ?? "") !== "");
}
