;; Finds the few bytes of a text that a scanner has to look at, 16 or 32 at a time.
;;
;; A set of bytes is 32 bytes of memory: a table for the low and one for the high halves of a byte. A byte is in the set
;; where the two entries have a bit in common. Each high half from 2 to 7 has a bit of its own; 0 and 1 share one, and so
;; do those from 8 on, so that a set may hold a few bytes more than somebody asked for. Whoever searches looks again.
;;
;; Memory, first page: sets, at addresses that the caller chooses; the pages after it: the caller's window. So many bytes
;; behind the end of what is searched are read and not looked at.
;;
;; Built into byte_search_wasm.ts by scripts/wasm/build.ts.
(module
  (memory (export "memory") 4 4)

  ;; Whether the number of quotes that `findRunEnd` has passed is odd.
  (global $inside (export "inside") (mut i32) (i32.const 0))

  ;; Bytes of $x that are in the set at $set: not zero in their lanes.
  (func $members (param $set i32) (param $x v128) (result v128)
    (v128.and
      (i8x16.swizzle (v128.load (local.get $set)) (v128.and (local.get $x) (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15)))
      (i8x16.swizzle (v128.load offset=16 (local.get $set)) (i8x16.shr_u (local.get $x) (i32.const 4)))))

  (func $notZero (param $x v128) (result i32)
    (i32.xor (i8x16.bitmask (i8x16.eq (local.get $x) (v128.const i64x2 0 0))) (i32.const 0xffff)))

  (func $lesser (param $a i32) (param $b i32) (result i32)
    (select (local.get $a) (local.get $b) (i32.lt_u (local.get $a) (local.get $b))))

  ;; The first address from $at on whose byte is in the set $any, or is in the set $first and follows a line feed; $end
  ;; where there is none. The byte before $at counts as what it is.
  (func (export "find") (param $any i32) (param $first i32) (param $at i32) (param $end i32) (result i32)
    (local $x v128) (local $found i32)
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $x (v128.load (local.get $at)))
        (local.set $found (call $notZero (v128.or
          (call $members (local.get $any) (local.get $x))
          (v128.and
            (i8x16.eq (v128.load (i32.sub (local.get $at) (i32.const 1))) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))
            (call $members (local.get $first) (local.get $x))))))
        (if (local.get $found)
          (then (return (call $lesser (i32.add (local.get $at) (i32.ctz (local.get $found))) (local.get $end)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (local.get $end))

  ;; The first address from $at on of this very byte; $end where there is none.
  (func (export "findByte") (param $byte i32) (param $at i32) (param $end i32) (result i32)
    (local $wanted v128) (local $found i32)
    (local.set $wanted (i8x16.splat (local.get $byte)))
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $found (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $wanted))))
        (if (local.get $found)
          (then (return (call $lesser (i32.add (local.get $at) (i32.ctz (local.get $found))) (local.get $end)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (local.get $end))

  ;; As `find` without the set $any, and quicker: line ends come at random, so that nothing branches upon them, and all of
  ;; it stands in one function, because calls cost.
  (func (export "findLineStart") (param $first i32) (param $at i32) (param $end i32) (result i32)
    (local $low v128) (local $high v128) (local $feed v128) (local $half v128)
    (local $x v128) (local $a v128) (local $b v128) (local $found i32)
    (local.set $low (v128.load (local.get $first)))
    (local.set $high (v128.load offset=16 (local.get $first)))
    (local.set $feed (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))
    (local.set $half (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (block $none
      (loop $block
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $x (v128.load offset=0 (local.get $at)))
        (local.set $a
          (v128.and
            (i8x16.eq (v128.load offset=0 (i32.sub (local.get $at) (i32.const 1))) (local.get $feed))
            (v128.and
              (i8x16.swizzle (local.get $low) (v128.and (local.get $x) (local.get $half)))
              (i8x16.swizzle (local.get $high) (i8x16.shr_u (local.get $x) (i32.const 4))))))
        (local.set $x (v128.load offset=16 (local.get $at)))
        (local.set $b
          (v128.and
            (i8x16.eq (v128.load offset=16 (i32.sub (local.get $at) (i32.const 1))) (local.get $feed))
            (v128.and
              (i8x16.swizzle (local.get $low) (v128.and (local.get $x) (local.get $half)))
              (i8x16.swizzle (local.get $high) (i8x16.shr_u (local.get $x) (i32.const 4))))))
        (if (v128.any_true (v128.or (local.get $a) (local.get $b)))
          (then
            (local.set $found (i32.or
              (call $notZero (local.get $a)) (i32.shl (call $notZero (local.get $b)) (i32.const 16))))
            (return (call $lesser (i32.add (local.get $at) (i32.ctz (local.get $found))) (local.get $end)))))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br $block)))
    (local.get $end))

  ;; Passes lines in which nothing but apostrophes quotes, and remembers in $inside whether it stands between two of them.
  ;; Stops at a line feed outside quotes that a byte of the set $goesOn does not follow, and at one inside quotes that "--"
  ;; or "BE" may follow: the address of that line feed. $end where there is none. The last line feed before $end, or the
  ;; one before the last byte, is such a stop wherever what follows is not known.
  (func (export "findRunEnd") (param $goesOn i32) (param $at i32) (param $end i32) (result i32)
    (local $x v128) (local $y v128) (local $quote v128) (local $lineFeed v128)
    (local $quotes i32) (local $feeds i32) (local $feed i32) (local $odd i32) (local $next i32)
    (local.set $quote (v128.const i8x16 39 39 39 39 39 39 39 39 39 39 39 39 39 39 39 39))
    (local.set $lineFeed (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))
    (block $none
      (loop $block
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $x (v128.load (local.get $at)))
        (local.set $y (v128.load offset=16 (local.get $at)))
        (local.set $quotes (i32.or
          (i8x16.bitmask (i8x16.eq (local.get $x) (local.get $quote)))
          (i32.shl (i8x16.bitmask (i8x16.eq (local.get $y) (local.get $quote))) (i32.const 16))))
        (local.set $feeds (i32.or
          (i8x16.bitmask (i8x16.eq (local.get $x) (local.get $lineFeed)))
          (i32.shl (i8x16.bitmask (i8x16.eq (local.get $y) (local.get $lineFeed))) (i32.const 16))))
        ;; The last block may reach beyond the end.
        (if (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 32))
          (then
            (local.set $next (i32.sub (i32.shl (i32.const 1) (i32.sub (local.get $end) (local.get $at))) (i32.const 1)))
            (local.set $quotes (i32.and (local.get $quotes) (local.get $next)))
            (local.set $feeds (i32.and (local.get $feeds) (local.get $next)))))
        (block $passed
          (loop $line
            (br_if $passed (i32.eqz (local.get $feeds)))
            (local.set $feed (i32.ctz (local.get $feeds)))
            (local.set $feeds (i32.and (local.get $feeds) (i32.sub (local.get $feeds) (i32.const 1))))
            (local.set $odd (i32.and (i32.const 1) (i32.xor (global.get $inside)
              (i32.popcnt (i32.and (local.get $quotes) (i32.sub (i32.shl (i32.const 1) (local.get $feed)) (i32.const 1)))))))
            (local.set $next (i32.add (i32.add (local.get $at) (local.get $feed)) (i32.const 1)))
            (if (local.get $odd)
              (then (br_if $line (i32.eqz (call $mayBeHeader (local.get $next) (local.get $end)))))
              (else (br_if $line (i32.and
                (i32.ne (local.get $next) (local.get $end))
                (i32.ne (call $isMember (local.get $goesOn) (i32.load8_u (local.get $next))) (i32.const 0))))))
            (global.set $inside (local.get $odd))
            (return (i32.sub (local.get $next) (i32.const 1)))))
        (global.set $inside (i32.and (i32.const 1) (i32.xor (global.get $inside) (i32.popcnt (local.get $quotes)))))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br $block)))
    (local.get $end))

  ;; Whether the line at $at begins, as far as it lies before $end, as a line of a header may.
  (func $mayBeHeader (param $at i32) (param $end i32) (result i32)
    (local $two i32)
    (if (i32.le_u (i32.sub (local.get $end) (local.get $at)) (i32.const 1)) (then (return (i32.const 1))))
    (local.set $two (i32.load16_u (local.get $at)))
    (i32.or (i32.eq (local.get $two) (i32.const 0x2d2d)) (i32.eq (local.get $two) (i32.const 0x4542))))

  (func $isMember (param $set i32) (param $byte i32) (result i32)
    (i32.and
      (i32.load8_u (i32.add (local.get $set) (i32.and (local.get $byte) (i32.const 15))))
      (i32.load8_u offset=16 (i32.add (local.get $set) (i32.shr_u (local.get $byte) (i32.const 4))))))
)
