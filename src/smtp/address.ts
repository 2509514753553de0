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

function withLowerCaseDomain(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 0 ? address : address.slice(0, at) + address.slice(at).toLowerCase();
}
