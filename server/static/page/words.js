/** What the page says about a job. */

export const ended = (job) => ["succeeded", "failed", "canceled"].includes(job.status);

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function place(ahead) {
  if (ahead == null) return "Waiting";
  if (ahead === 0) return "Next in line";
  return ahead === 1 ? "1 job before it" : `${ahead} jobs before it`;
}

/** One line on how the job stands. */
export function state(job) {
  const eta = job.eta_s == null ? "" : `, about ${duration(job.eta_s)}`;
  switch (job.status) {
    case "queued":
      return place(job.queue_position) + eta;
    case "running":
      if (!job.progress) return "Starting";
      if (job.progress.stage === "loading") return sentence(job.progress.detail).slice(0, -1);
      return `${Math.floor(job.progress.fraction * 100)} %${eta && `${eta} left`}`;
    case "succeeded":
      return "Done";
    case "canceled":
      return "Canceled";
    default:
      return sentence(job.error?.detail ?? "It did not work");
  }
}

/** All that made one picture, in a line. */
export function recipe({ input }, seed) {
  return [
    input.model,
    `${input.width} × ${input.height}`,
    `${input.steps} steps`,
    `guidance ${input.guidance_scale}`,
    input.sampler,
    `seed ${seed}`,
    input.negative_prompt && `without ${input.negative_prompt}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What the server says of a field or of a failure, as a sentence. */
export function sentence(detail) {
  const text = detail.trim().replace(/^must /, "This must ");
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return !capital || /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
