;; Finds the few bytes of a text that a scanner must look at, 16 or 32 at a time.
;;
;; A set of bytes is 32 bytes of memory: one table for the low halves of a byte, and one for the high halves. A byte is in
;; the set if its two entries have a bit in common. Each high half from 2 to 7 has its own bit; 0 and 1 share one, and so
;; do 8 to 15. So a set may contain a few bytes more than requested, and the caller must check what a search finds.
;;
;; Memory: sets in the first page, at addresses that the caller chooses; the caller's window in the pages after it. Bytes
;; after the end of a search are read, but do not affect the result.
;;
;; Built into byte_search_wasm.ts by scripts/wasm/build.ts.
(module
  (memory (export "memory") 4 4)

  ;; 1 if the number of quotes that `findRunEnd` has passed is odd, else 0.
  (global $inside (export "inside") (mut i32) (i32.const 0))

  ;; The lanes of $x whose byte is in the set at $set: not zero.
  (func $members (param $set i32) (param $x v128) (result v128)
    (v128.and
      (i8x16.swizzle (v128.load (local.get $set)) (v128.and (local.get $x) (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15)))
      (i8x16.swizzle (v128.load offset=16 (local.get $set)) (i8x16.shr_u (local.get $x) (i32.const 4)))))

  (func $notZero (param $x v128) (result i32)
    (i32.xor (i8x16.bitmask (i8x16.eq (local.get $x) (v128.const i64x2 0 0))) (i32.const 0xffff)))

  (func $lesser (param $a i32) (param $b i32) (result i32)
    (select (local.get $a) (local.get $b) (i32.lt_u (local.get $a) (local.get $b))))

  ;; The first address from $at on whose byte is in the set $any, or is in the set $first and follows a line feed; $end
  ;; if there is none. The byte before $at is read, too.
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

  ;; The first address of this byte from $at on; $end if there is none.
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

  ;; Like `find` without the set $any, but faster: blocks of 64 bytes without a line end are skipped at once.
  (func (export "findLineStart") (param $first i32) (param $at i32) (param $end i32) (result i32)
    (local $low v128) (local $high v128) (local $feed v128) (local $half v128) (local $before i32)
    (local $x v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $found i64)
    (local.set $low (v128.load (local.get $first)))
    (local.set $high (v128.load offset=16 (local.get $first)))
    (local.set $feed (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))
    (local.set $half (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (block $none
      (loop $block
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $before (i32.sub (local.get $at) (i32.const 1)))
        (local.set $a (i8x16.eq (v128.load offset=0 (local.get $before)) (local.get $feed)))
        (local.set $b (i8x16.eq (v128.load offset=16 (local.get $before)) (local.get $feed)))
        (local.set $c (i8x16.eq (v128.load offset=32 (local.get $before)) (local.get $feed)))
        (local.set $d (i8x16.eq (v128.load offset=48 (local.get $before)) (local.get $feed)))
        (if (v128.any_true (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))
          (then
            (local.set $x (v128.load offset=0 (local.get $at)))
            (local.set $a
              (v128.and
                (local.get $a)
                (v128.and
                  (i8x16.swizzle (local.get $low) (v128.and (local.get $x) (local.get $half)))
                  (i8x16.swizzle (local.get $high) (i8x16.shr_u (local.get $x) (i32.const 4))))))
            (local.set $x (v128.load offset=16 (local.get $at)))
            (local.set $b
              (v128.and
                (local.get $b)
                (v128.and
                  (i8x16.swizzle (local.get $low) (v128.and (local.get $x) (local.get $half)))
                  (i8x16.swizzle (local.get $high) (i8x16.shr_u (local.get $x) (i32.const 4))))))
            (local.set $x (v128.load offset=32 (local.get $at)))
            (local.set $c
              (v128.and
                (local.get $c)
                (v128.and
                  (i8x16.swizzle (local.get $low) (v128.and (local.get $x) (local.get $half)))
                  (i8x16.swizzle (local.get $high) (i8x16.shr_u (local.get $x) (i32.const 4))))))
            (local.set $x (v128.load offset=48 (local.get $at)))
            (local.set $d
              (v128.and
                (local.get $d)
                (v128.and
                  (i8x16.swizzle (local.get $low) (v128.and (local.get $x) (local.get $half)))
                  (i8x16.swizzle (local.get $high) (i8x16.shr_u (local.get $x) (i32.const 4))))))
            (if (v128.any_true (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))
              (then
                (local.set $found (i64.or
                  (call $bitsOf (local.get $a) (local.get $b))
                  (i64.shl (call $bitsOf (local.get $c) (local.get $d)) (i64.const 32))))
                (return (call $lesser
                  (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $found)))) (local.get $end)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $block)))
    (local.get $end))

  ;; One bit for each of 32 lanes: 1 if the lane is not zero.
  (func $bitsOf (param $a v128) (param $b v128) (result i64)
    (i64.extend_i32_u (i32.or (call $notZero (local.get $a)) (i32.shl (call $notZero (local.get $b)) (i32.const 16)))))

  ;; Passes lines in which only apostrophes quote, and keeps in $inside whether the position is between two of them.
  ;; Returns the address of the first line feed that is outside quotes and not followed by a byte of the set $goesOn, or
  ;; inside quotes and possibly followed by "--" or "BE"; $end if there is none. If the bytes that follow are not known, the
  ;; line feed counts: it is the last byte before $end, or the one before that.
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

  ;; Whether the line at $at begins like a line of a header, as far as its bytes lie before $end.
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
