import { useRef } from "preact/hooks";
import { take } from "../actions/take";
import { Icon, type IconName } from "../ui/Icon";

/** A button that asks for a picture: from the files of this device, or from its camera. */
export function FileButton({ label, icon, camera }: { label: string; icon: IconName; camera?: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" aria-label={label} title={label} onClick={() => field.current!.click()}>
        <Icon name={icon} />
      </button>
      <input
        ref={field}
        hidden
        type="file"
        accept="image/*"
        aria-label={label}
        {...(camera ? { capture: "environment" as const } : {})}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) void take(file);
          // The same file once more is a choice, too.
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
