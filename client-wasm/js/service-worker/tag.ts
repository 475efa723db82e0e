/** What the page registers and the service worker listens for; other tags are the app's own. */
export const TAG = 'tidemark';
