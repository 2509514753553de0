import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type AddressInfo } from "node:net";

const POSTFIX = "/usr/sbin/postfix";

/** Why the real Postfix cannot be run here, or null. */
export const WITHOUT_POSTFIX: string | null = !existsSync(POSTFIX)
  ? `${POSTFIX} is not there: apt-get install postfix`
  : process.getuid?.() !== 0
    ? "only root can start Postfix"
    : null;

export interface Delivery {
  /** `sent`, `bounced`, `deferred`. */
  readonly status: string;
  /** The server's words. */
  readonly said: string;
}

/** The real Postfix, an instance of its own: configuration, queue and ports are this test's. */
export class Postfix {
  readonly port: number;
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.port = port;
    this.folder = folder;
    this.#child = child;
  }

  /** `settings`: lines of main.cf beside those that every instance needs. Resolves when it answers. */
  static async start(settings: readonly string[]): Promise<Postfix> {
    const folder = await mkdtemp(join(tmpdir(), "postfix-"));
    // Its processes are of another user, who must reach the queue.
    await chmod(folder, 0o755);
    const port = await freePort();
    for (const name of ["conf", "spool", "data"]) await mkdir(join(folder, name));
    await giveToPostfix(join(folder, "data"));
    await writeFile(join(folder, "conf/main.cf"), `${[...mainOf(folder), ...settings].join("\n")}\n`);
    await writeFile(join(folder, "conf/master.cf"), masterOf(port));
    const child = spawn(POSTFIX, ["-c", join(folder, "conf"), "start-fg"], { stdio: ["ignore", "pipe", "pipe"] });
    const postfix = new Postfix(port, folder, child);
    await postfix.#answering();
    return postfix;
  }

  /** What became of a message for each recipient, once it has tried. */
  async deliveries(recipients: readonly string[]): Promise<readonly Delivery[]> {
    return await waitFor(async () => {
      const log = await this.log();
      const found = recipients.flatMap((recipient) => deliveryOf(log, recipient) ?? []);
      return found.length === recipients.length ? found : null;
    });
  }

  async log(): Promise<string> {
    return await readFile(join(this.folder, "log"), "utf8").catch(() => "");
  }

  /** Submitted on the MTA itself, by no client of the network. */
  async submit(sender: string, recipient: string, bytes: string): Promise<void> {
    const child = spawn("/usr/sbin/sendmail", ["-C", join(this.folder, "conf"), "-i", "-f", sender, recipient], { stdio: ["pipe", "inherit", "inherit"] }); // prettier-ignore
    child.stdin.end(bytes.replaceAll("\r\n", "\n"));
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new Error(`sendmail ended with ${code}`);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }

  async #answering(): Promise<void> {
    const written: Buffer[] = [];
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on("data", (chunk: Buffer) => void written.push(chunk));
    await waitFor(async () => {
      if (this.#child.exitCode !== null) throw new Error(`postfix ended: ${Buffer.concat(written).toString()}${await this.log()}`);
      return (await isOpen(this.port)) ? true : null;
    });
  }
}

function mainOf(folder: string): readonly string[] {
  return [
    "compatibility_level = 3.6",
    `queue_directory = ${folder}/spool`,
    `data_directory = ${folder}/data`,
    "command_directory = /usr/sbin",
    "daemon_directory = /usr/lib/postfix/sbin",
    "mail_owner = postfix",
    "setgid_group = postdrop",
    "myhostname = mta.postfix.example",
    "mydestination =",
    "local_recipient_maps =",
    "alias_maps =",
    "alias_database =",
    "inet_interfaces = 127.0.0.1",
    "inet_protocols = ipv4",
    "mynetworks = 127.0.0.0/8",
    "smtpd_relay_restrictions = reject_unauth_destination",
    "smtpd_peername_lookup = no",
    "smtputf8_enable = no",
    // Notices to senders leave nowhere from a test.
    "default_transport = discard:",
    `maillog_file = ${folder}/log`,
    `maillog_file_prefixes = ${folder}`,
  ];
}

/** Nothing in a chroot: the queue of a test has none of the system's files. */
function masterOf(port: number): string {
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    "pickup unix n - n 1 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 1 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    ...["bounce", "defer", "trace"].map((name) => `${name} unix - - n - 0 bounce`),
    ...["error", "retry"].map((name) => `${name} unix - - n - - error`),
    ...["proxymap", "discard", "lmtp"].map((name) => `${name} unix - - n - - ${name}`),
    ...["verify", "anvil", "scache"].map((name) => `${name} unix - - n - 1 ${name}`),
    "postlog unix-dgram n - n - 1 postlogd",
    "",
  ].join("\n");
}

async function giveToPostfix(path: string): Promise<void> {
  const users = await readFile("/etc/passwd", "utf8");
  const [, , uid] = users.split("\n").find((line) => line.startsWith("postfix:"))?.split(":") ?? []; // prettier-ignore
  await chown(path, Number(uid), 0);
}

function deliveryOf(log: string, recipient: string): Delivery | null {
  const line = log.split("\n").findLast((text) => text.includes(`to=<${recipient}>`) && text.includes("status="));
  const [, status, said] = /status=(\w+) \((.*)\)$/.exec(line ?? "") ?? [];
  return status === undefined || said === undefined ? null : { status, said };
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function waitFor<T>(look: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + 45_000;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error("postfix has not come to it in time");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
