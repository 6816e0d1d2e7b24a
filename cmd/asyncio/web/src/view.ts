// ViewProps is what main.tsx passes to each view: the search words, the id of the open
// task (0: none), and a function that opens a task.
export type ViewProps = { words: string[]; open: number; onOpen: (id: number) => void };
