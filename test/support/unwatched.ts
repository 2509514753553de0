import { Script, type Context, type RunningScriptOptions } from "node:vm";

/** The limit of time, in milliseconds, that the SDK gives a workflow's task where it runs on the main thread. */
const NEVER = 2 ** 32 - 1;

const { runInContext } = Script.prototype;

// Whatever the limit, Node starts a thread to watch it each time a sandbox is entered: an eighth of the processor time.
Script.prototype.runInContext = function (context: Context, options: RunningScriptOptions = {}): unknown {
  const { timeout, ...others } = options;
  return runInContext.call(this, context, timeout === NEVER ? others : options);
};
