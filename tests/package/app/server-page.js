// A page as a server renders it: it imports the package and opens nothing.

import { open, TidemarkError } from 'tidemark';

export const later = () => open({ name: 'notes' }).catch(error => error instanceof TidemarkError);

console.log('<p>Loading…</p>');
