import { once } from "node:events";
import { chmod, lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";

/** For everybody who may enter the directory, as MTAs run under users of their own. */
const MODE = 0o666;

/** Makes way for a socket: what a process that was killed has left is removed, what somebody listens on or is no socket stays. */
export async function clearSocketFile(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found?.isSocket() === true && !(await isAnswered(path))) await unlink(path);
}

export function openSocketFile(path: string): Promise<void> {
  return chmod(path, MODE);
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
