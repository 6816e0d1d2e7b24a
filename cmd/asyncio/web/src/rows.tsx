import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

// A list that renders only its visible rows, so that 10,000 rows cost no more than 50. It
// scrolls to keep the selected row visible.

type Props<T> = { items: T[]; height: number; chosen: number; row: (item: T, index: number) => ComponentChildren; onKey: (e: KeyboardEvent) => void; label: string };

export function Rows<T>({ items, height, chosen, row, onKey, label }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [seen, setSeen] = useState(800);

  useLayoutEffect(() => {
    const rows = box.current!;
    const watch = new ResizeObserver(() => setSeen(rows.clientHeight));
    watch.observe(rows);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const y = chosen * height;
    if (chosen < 0) return;
    if (y < box.current!.scrollTop) box.current!.scrollTop = y;
    else if (y + height > box.current!.scrollTop + box.current!.clientHeight) box.current!.scrollTop = y + height - box.current!.clientHeight;
  }, [chosen]);

  const first = Math.max(0, Math.floor(top / height) - 5);
  const shown = items.slice(first, first + Math.ceil(seen / height) + 10);
  return (
    <div class="rows" ref={box} role="tree" aria-label={label} tabIndex={0} onKeyDown={onKey} onScroll={(e) => setTop(e.currentTarget.scrollTop)}
      aria-activedescendant={chosen >= 0 ? `row-${chosen}` : undefined}>
      <div role="presentation" style={{ height: `${items.length * height}px` }}>
        <div role="presentation" style={{ transform: `translateY(${first * height}px)` }}>{shown.map((item, i) => row(item, first + i))}</div>
      </div>
    </div>
  );
}
