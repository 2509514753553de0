// The package's public surface. Everything here is @experimental until 1.0.
export { definePolicy } from "../policies/define.ts";
export type { MailPolicy } from "../policies/schema.ts";
export { loadConfig, type Config } from "./config.ts";
export { PosternError, type ErrorCode } from "./model/errors.ts";
export type { Decision, FinalOutcome, InboundOutcome } from "./model/decision.ts";
export { DEFERRED_FAILURE, HOURLY_ID, TASK_QUEUE, UPKEEP_ID, WORKFLOW, type TaskQueues } from "./model/names.ts";
export { serve, type Running, type ServeOptions } from "./serve.ts";
export { PosternPlugin, type PosternPluginOptions } from "./plugin.ts";
export type { Opened } from "./plugin-instance.ts";
export type { CapabilityOptions } from "./capabilities.ts";
