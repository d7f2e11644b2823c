// Bars, one for each slot; the series of a slot stand on each other.
import { svgNode } from "./dom.js";

const WIDTH = 5, HEIGHT = 72, HIGHEST = 66;

// series: [class, name] pairs. title: what a bar says when it is pointed at.
export function bars(slots, series, title) {
  const sums = slots.map((slot) => series.reduce((sum, [, name]) => sum + slot[name], 0));
  const most = Math.max(...sums);
  const svg = svgNode("svg", { viewBox: `0 0 ${slots.length * WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  slots.forEach((slot, index) => {
    const group = svgNode("g", {}, svgNode("title", {}));
    group.firstChild.textContent = title(slot, sums[index]);
    // Something to point at also where the bar is low.
    group.append(svgNode("rect", { x: index * WIDTH, y: 0, width: WIDTH, height: HEIGHT, fill: "transparent" }));
    let top = HEIGHT;
    for (const [kind, name] of series) {
      const height = slot[name] ? Math.max(2, (slot[name] / most) * HIGHEST) : 0;
      top -= height;
      if (height) group.append(svgNode("rect", { x: index * WIDTH + 0.5, y: top, width: WIDTH - 1, height, class: kind }));
    }
    svg.append(group);
  });
  return svg;
}
