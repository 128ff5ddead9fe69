/** Offer a text as a file to save. */
export function saveFile(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // why later: a browser reads the file after the click
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
