import { once } from "node:events";
import { createServer } from "node:net";
import type { Config } from "../config.ts";
import { PosternError } from "../model/errors.ts";

/**
 * Throws `invalid_config` when a door's port is taken: the doors open last, and would say so after seconds in which everything
 * else was started in vain. Who takes it meanwhile is still told by the door.
 */
export async function checkPorts({ smtp, http }: Pick<Config, "smtp" | "http">): Promise<void> {
  await Promise.all([check("POSTERN_SMTP", smtp), check("POSTERN_HTTP", http)]);
}

async function check(setting: string, { host, port }: Config["smtp"]): Promise<void> {
  const server = createServer().listen({ host, port, exclusive: true });
  try {
    await once(server, "listening");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new PosternError("invalid_config", `cannot listen on \`${host}:${port}\`: ${code}`, {
      fix: `set ${setting} to another address${code === "EADDRINUSE" ? ", or stop what listens there" : ""}`,
      cause,
    });
  }
  server.close();
  await once(server, "close");
}
