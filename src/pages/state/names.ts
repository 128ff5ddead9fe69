/** A name for a tab until its person chooses one: from the whales of chapter 32 and the birds around the ship. */
const NAMES = [
  'Albatross',
  'Beluga',
  'Cachalot',
  'Dolphin',
  'Eider',
  'Finback',
  'Gannet',
  'Humpback',
  'Kittiwake',
  'Minke',
  'Narwhal',
  'Orca',
  'Petrel',
  'Plover',
  'Porpoise',
  'Puffin',
  'Razorback',
  'Sandpiper',
  'Skua',
  'Tern',
];

/** For example `Narwhal 47`. */
export function randomName(): string {
  const [name, number] = crypto.getRandomValues(new Uint32Array(2));
  return `${NAMES[name! % NAMES.length]} ${10 + (number! % 90)}`;
}
