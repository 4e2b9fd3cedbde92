// The page's sections and their blanks. One section is shown at a time, and its heading gets the
// focus, so that a screen reader tells of the change.

export type Section = 'checking' | 'ask' | 'active' | 'stopped' | 'refused';
const kSections: Section[] = ['checking', 'ask', 'active', 'stopped', 'refused'];

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

export function show(section: Section): void {
  for (const name of kSections) element(name).hidden = name !== section;
  element(section).querySelector<HTMLElement>('h1')?.focus();
}

/** Writes only what changed: a live region speaks at every write. */
export function fill(name: string, text: string): void {
  for (const blank of document.querySelectorAll(`[data-fill="${name}"]`)) {
    if (blank.textContent !== text) blank.textContent = text;
  }
}

export function write(id: string, text: string): void {
  const place = element(id);
  if (place.textContent !== text) place.textContent = text;
}

export function when(condition: string, holds: boolean): void {
  for (const part of document.querySelectorAll<HTMLElement>(`[data-when="${condition}"]`)) {
    part.hidden = !holds;
  }
}

export function list(id: string, lines: string[]): void {
  element(id).replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement('li');
      item.textContent = line;
      return item;
    }),
  );
}

export function onClick(id: string, work: () => void | Promise<void>): void {
  element(id).addEventListener('click', () => void work());
}
