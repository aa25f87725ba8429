/** Files for the user's download folder. */

export function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // Some browsers begin to read only after the click is done with.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
