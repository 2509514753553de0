/** RFC 5321 §4.1.2, after the library has checked the syntax: the path between `<` and `>`, without a source route. */
export function pathOf(command: string): string {
  const path = command.slice(command.indexOf("<") + 1, command.indexOf(">"));
  const address = path.startsWith("@") ? path.slice(path.indexOf(":") + 1) : path;
  return withLowerCaseDomain(address);
}

/** RFC 6531 is not offered, so an address is ASCII; international domains come as A-labels. */
export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7e) return false;
  return true;
}

/**
 * The stored addresses an ASCII recipient may mean, best first: itself, then without its tag (`local+tag@` → `local@`).
 * Folded for matching. The bare `postmaster` of RFC 5321 §4.1.1.3 is the host's own.
 */
export function mailboxCandidates(recipient: string, host: string): readonly string[] {
  const folded = recipient.toLowerCase();
  const at = folded.lastIndexOf("@");
  if (at < 0) return [`${folded}@${host.toLowerCase()}`];
  const plus = folded.indexOf("+");
  if (plus < 1 || plus > at) return [folded];
  return [folded, folded.slice(0, plus) + folded.slice(at)];
}

function withLowerCaseDomain(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 0 ? address : address.slice(0, at) + address.slice(at).toLowerCase();
}
