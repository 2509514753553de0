import type { Config } from "../config.ts";
import { PosternError } from "../model/errors.ts";
import { tryListen, type Listen } from "../net/listen.ts";

/**
 * Throws `invalid_config` when a door's port is taken: the doors open last, and would say so after seconds in which everything
 * else was started in vain. Who takes it meanwhile is still told by the door.
 */
export async function checkPorts({ smtp, http }: Pick<Config, "smtp" | "http">): Promise<void> {
  await Promise.all([check("POSTERN_SMTP", smtp), check("POSTERN_HTTP", http)]);
}

async function check(setting: string, listen: Listen): Promise<void> {
  const code = await tryListen(listen);
  if (code === null) return;
  throw new PosternError("invalid_config", `cannot listen on \`${listen.host}:${listen.port}\`: ${code}`, {
    fix: `set ${setting} to another address${code === "EADDRINUSE" ? ", or stop what listens there" : ""}`,
  });
}
