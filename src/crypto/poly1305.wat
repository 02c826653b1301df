;; Poly1305 (RFC 8439, section 2.5) over many messages with the same r, each with its own s, as in Poly1305-AES.
;;
;; Numbers modulo p = 2^130 - 5 are five limbs of 26 bits: n = n0 + n1*2^26 + n2*2^52 + n3*2^78 + n4*2^104. A product
;; of two limbs and the sum of five such products fit into 64 bits. Bits above 2^130 are multiplied by 5 and added at the
;; bottom, because 2^130 = 5 (mod p); s1..s4 are 5*r1..5*r4 for this purpose.
;;
;; Blocks m1..mn give h = ((..(m1*r + m2)*r + ..)*r + mn)*r. Four blocks are processed at once, one in each 32-bit lane,
;; and every lane is multiplied by r^4; after the last four blocks by r^4, r^3, r^2 and r. Then the lanes are summed up.
;;
;; Memory: the tables below and room for the caller in the first page; the caller's window of messages in the others.
;;      0  powers for four blocks that are followed by four more: r0..r4, s1..s4 of r^4, each in four lanes of 32 bits
;;    144  powers for the last four blocks: the same limbs of r^4, r^3, r^2, r in lanes 0 to 3
;;    288  16 bytes of scratch for the last, incomplete block
;;    512  free for the caller
;;
;; Built into poly1305_wasm.ts by scripts/wasm/build.ts.
(module
  (memory (export "memory") 17 17)

  ;; The accumulator. Limbs may exceed 26 bits by a few bits between calls; $finish reduces them.
  (global $h0 (mut i64) (i64.const 0))
  (global $h1 (mut i64) (i64.const 0))
  (global $h2 (mut i64) (i64.const 0))
  (global $h3 (mut i64) (i64.const 0))
  (global $h4 (mut i64) (i64.const 0))

  ;; The key r, clamped.
  (global $r0 (mut i64) (i64.const 0))
  (global $r1 (mut i64) (i64.const 0))
  (global $r2 (mut i64) (i64.const 0))
  (global $r3 (mut i64) (i64.const 0))
  (global $r4 (mut i64) (i64.const 0))

  ;; Reads the 16 bytes of r from memory, clamps them, and fills the tables of its powers.
  (func (export "setKey") (param $at i32)
    (global.set $r0 (i64.and (i64.load32_u offset=0 (local.get $at)) (i64.const 0x3ffffff)))
    (global.set $r1 (i64.and (i64.shr_u (i64.load32_u offset=3 (local.get $at)) (i64.const 2)) (i64.const 0x3ffff03)))
    (global.set $r2 (i64.and (i64.shr_u (i64.load32_u offset=6 (local.get $at)) (i64.const 4)) (i64.const 0x3ffc0ff)))
    (global.set $r3 (i64.and (i64.shr_u (i64.load32_u offset=9 (local.get $at)) (i64.const 6)) (i64.const 0x3f03fff)))
    (global.set $r4 (i64.and (i64.shr_u (i64.load32_u offset=12 (local.get $at)) (i64.const 8)) (i64.const 0x00fffff)))

    (call $start)
    (global.set $h0 (i64.const 1))
    (call $multiply)
    (call $store_power (i32.const 156))
    (call $multiply)
    (call $store_power (i32.const 152))
    (call $multiply)
    (call $store_power (i32.const 148))
    (call $multiply)
    (call $store_power (i32.const 144))
    (call $store_power (i32.const 0))
    (call $store_power (i32.const 4))
    (call $store_power (i32.const 8))
    (call $store_power (i32.const 12)))

  ;; Writes the accumulator, a power of r, into the lane at $at of a table.
  (func $store_power (param $at i32)
    (i64.store32 offset=0 (local.get $at) (global.get $h0))
    (i64.store32 offset=16 (local.get $at) (global.get $h1))
    (i64.store32 offset=32 (local.get $at) (global.get $h2))
    (i64.store32 offset=48 (local.get $at) (global.get $h3))
    (i64.store32 offset=64 (local.get $at) (global.get $h4))
    (i64.store32 offset=80 (local.get $at) (i64.mul (global.get $h1) (i64.const 5)))
    (i64.store32 offset=96 (local.get $at) (i64.mul (global.get $h2) (i64.const 5)))
    (i64.store32 offset=112 (local.get $at) (i64.mul (global.get $h3) (i64.const 5)))
    (i64.store32 offset=128 (local.get $at) (i64.mul (global.get $h4) (i64.const 5))))

  ;; The tags of $count messages. $spans: for each message its address and its length as two u32. $masks: 16 bytes s for
  ;; each message, replaced by its tag.
  (func (export "tags") (param $spans i32) (param $count i32) (param $masks i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $start)
        (call $absorb (i32.load offset=0 (local.get $spans)) (i32.load offset=4 (local.get $spans)))
        (call $finish (local.get $masks))
        (local.set $spans (i32.add (local.get $spans) (i32.const 8)))
        (local.set $masks (i32.add (local.get $masks) (i32.const 16)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))

  ;; Begins a message.
  (func $start (export "start")
    (global.set $h0 (i64.const 0))
    (global.set $h1 (i64.const 0))
    (global.set $h2 (i64.const 0))
    (global.set $h3 (i64.const 0))
    (global.set $h4 (i64.const 0)))

  ;; Takes in $length bytes at $at. Only the last part of a message may have a length that is no multiple of 16.
  (func $absorb (export "absorb") (param $at i32) (param $length i32)
    (local $end i32)
    (local $quads_end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (local.set $quads_end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -64))))
    (if (i32.lt_u (local.get $at) (local.get $quads_end))
      (then
        (call $four_blocks_each (local.get $at) (local.get $quads_end))
        (local.set $at (local.get $quads_end))))
    (block $rest
      (loop $next
        (br_if $rest (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)))
        (call $block (local.get $at) (i64.const 0x1000000))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (if (i32.lt_u (local.get $at) (local.get $end))
      (then (call $last_block (local.get $at) (i32.sub (local.get $end) (local.get $at))))))

  ;; One incomplete block of $length bytes, followed by a byte 1 and zeros. Bit 128 is not set.
  (func $last_block (param $at i32) (param $length i32)
    (v128.store (i32.const 288) (v128.const i64x2 0 0))
    (memory.copy (i32.const 288) (local.get $at) (local.get $length))
    (i32.store8 offset=288 (local.get $length) (i32.const 1))
    (call $block (i32.const 288) (i64.const 0)))

  ;; One block of 16 bytes: h = (h + block) * r. $high is 2^24 (bit 128 of the block in limb 4) or 0.
  (func $block (param $at i32) (param $high i64)
    (global.set $h0 (i64.add (global.get $h0)
      (i64.and (i64.load32_u offset=0 (local.get $at)) (i64.const 0x3ffffff))))
    (global.set $h1 (i64.add (global.get $h1)
      (i64.and (i64.shr_u (i64.load32_u offset=3 (local.get $at)) (i64.const 2)) (i64.const 0x3ffffff))))
    (global.set $h2 (i64.add (global.get $h2)
      (i64.and (i64.shr_u (i64.load32_u offset=6 (local.get $at)) (i64.const 4)) (i64.const 0x3ffffff))))
    (global.set $h3 (i64.add (global.get $h3)
      (i64.shr_u (i64.load32_u offset=9 (local.get $at)) (i64.const 6))))
    (global.set $h4 (i64.add (global.get $h4)
      (i64.or (i64.shr_u (i64.load32_u offset=12 (local.get $at)) (i64.const 8)) (local.get $high))))
    (call $multiply))

  ;; h = h * r, with carries.
  (func $multiply
    (local $h0 i64) (local $h1 i64) (local $h2 i64) (local $h3 i64) (local $h4 i64)
    (local $s1 i64) (local $s2 i64) (local $s3 i64) (local $s4 i64)
    (local.set $h0 (global.get $h0))
    (local.set $h1 (global.get $h1))
    (local.set $h2 (global.get $h2))
    (local.set $h3 (global.get $h3))
    (local.set $h4 (global.get $h4))
    (local.set $s1 (i64.mul (global.get $r1) (i64.const 5)))
    (local.set $s2 (i64.mul (global.get $r2) (i64.const 5)))
    (local.set $s3 (i64.mul (global.get $r3) (i64.const 5)))
    (local.set $s4 (i64.mul (global.get $r4) (i64.const 5)))
    (global.set $h0 (i64.add (i64.add (i64.add (i64.add
      (i64.mul (local.get $h0) (global.get $r0))
      (i64.mul (local.get $h1) (local.get $s4)))
      (i64.mul (local.get $h2) (local.get $s3)))
      (i64.mul (local.get $h3) (local.get $s2)))
      (i64.mul (local.get $h4) (local.get $s1))))
    (global.set $h1 (i64.add (i64.add (i64.add (i64.add
      (i64.mul (local.get $h0) (global.get $r1))
      (i64.mul (local.get $h1) (global.get $r0)))
      (i64.mul (local.get $h2) (local.get $s4)))
      (i64.mul (local.get $h3) (local.get $s3)))
      (i64.mul (local.get $h4) (local.get $s2))))
    (global.set $h2 (i64.add (i64.add (i64.add (i64.add
      (i64.mul (local.get $h0) (global.get $r2))
      (i64.mul (local.get $h1) (global.get $r1)))
      (i64.mul (local.get $h2) (global.get $r0)))
      (i64.mul (local.get $h3) (local.get $s4)))
      (i64.mul (local.get $h4) (local.get $s3))))
    (global.set $h3 (i64.add (i64.add (i64.add (i64.add
      (i64.mul (local.get $h0) (global.get $r3))
      (i64.mul (local.get $h1) (global.get $r2)))
      (i64.mul (local.get $h2) (global.get $r1)))
      (i64.mul (local.get $h3) (global.get $r0)))
      (i64.mul (local.get $h4) (local.get $s4))))
    (global.set $h4 (i64.add (i64.add (i64.add (i64.add
      (i64.mul (local.get $h0) (global.get $r4))
      (i64.mul (local.get $h1) (global.get $r3)))
      (i64.mul (local.get $h2) (global.get $r2)))
      (i64.mul (local.get $h3) (global.get $r1)))
      (i64.mul (local.get $h4) (global.get $r0))))
    (call $carry)
    (call $carry_first))

  ;; Adds the overflow of every limb to the next one, and that of the last one, times 5, to the first.
  (func $carry
    (call $carry_first)
    (global.set $h2 (i64.add (global.get $h2) (i64.shr_u (global.get $h1) (i64.const 26))))
    (global.set $h1 (i64.and (global.get $h1) (i64.const 0x3ffffff)))
    (global.set $h3 (i64.add (global.get $h3) (i64.shr_u (global.get $h2) (i64.const 26))))
    (global.set $h2 (i64.and (global.get $h2) (i64.const 0x3ffffff)))
    (global.set $h4 (i64.add (global.get $h4) (i64.shr_u (global.get $h3) (i64.const 26))))
    (global.set $h3 (i64.and (global.get $h3) (i64.const 0x3ffffff)))
    (global.set $h0 (i64.add (global.get $h0) (i64.mul (i64.shr_u (global.get $h4) (i64.const 26)) (i64.const 5))))
    (global.set $h4 (i64.and (global.get $h4) (i64.const 0x3ffffff))))

  (func $carry_first
    (global.set $h1 (i64.add (global.get $h1) (i64.shr_u (global.get $h0) (i64.const 26))))
    (global.set $h0 (i64.and (global.get $h0) (i64.const 0x3ffffff))))

  ;; The blocks from $at to $end. Their length is a positive multiple of 64 bytes.
  (func $four_blocks_each (param $at i32) (param $end i32)
    (local $powers i32)
    (local $h0 v128) (local $h1 v128) (local $h2 v128) (local $h3 v128) (local $h4 v128)
    (local $r0 v128) (local $r1 v128) (local $r2 v128) (local $r3 v128) (local $r4 v128)
    (local $s1 v128) (local $s2 v128) (local $s3 v128) (local $s4 v128)
    (local $w0 v128) (local $w1 v128) (local $w2 v128) (local $w3 v128)
    (local $t0 v128) (local $t1 v128) (local $t2 v128) (local $t3 v128)
    (local $a0 v128) (local $a1 v128) (local $a2 v128) (local $a3 v128) (local $a4 v128)
    (local $b0 v128) (local $b1 v128) (local $b2 v128) (local $b3 v128) (local $b4 v128)
    (local $carry v128)
    (local $limb32 v128) (local $limb64 v128) (local $high v128)
    (local.set $limb32 (v128.const i32x4 0x3ffffff 0x3ffffff 0x3ffffff 0x3ffffff))
    (local.set $limb64 (v128.const i64x2 0x3ffffff 0x3ffffff))
    (local.set $high (v128.const i32x4 0x1000000 0x1000000 0x1000000 0x1000000))

    ;; The accumulator of earlier blocks goes into lane 0, which takes the first block.
    (local.set $h0 (i32x4.replace_lane 0 (v128.const i64x2 0 0) (i32.wrap_i64 (global.get $h0))))
    (local.set $h1 (i32x4.replace_lane 0 (v128.const i64x2 0 0) (i32.wrap_i64 (global.get $h1))))
    (local.set $h2 (i32x4.replace_lane 0 (v128.const i64x2 0 0) (i32.wrap_i64 (global.get $h2))))
    (local.set $h3 (i32x4.replace_lane 0 (v128.const i64x2 0 0) (i32.wrap_i64 (global.get $h3))))
    (local.set $h4 (i32x4.replace_lane 0 (v128.const i64x2 0 0) (i32.wrap_i64 (global.get $h4))))

    (loop $next
      ;; Four blocks of four words become $w0..$w3: word i of block j in lane j.
      (local.set $w0 (v128.load offset=0 (local.get $at)))
      (local.set $w1 (v128.load offset=16 (local.get $at)))
      (local.set $w2 (v128.load offset=32 (local.get $at)))
      (local.set $w3 (v128.load offset=48 (local.get $at)))
      (local.set $t0 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $w0) (local.get $w1)))
      (local.set $t1 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $w0) (local.get $w1)))
      (local.set $t2 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $w2) (local.get $w3)))
      (local.set $t3 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $w2) (local.get $w3)))
      (local.set $w0 (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $t0) (local.get $t2)))
      (local.set $w1 (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $t0) (local.get $t2)))
      (local.set $w2 (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $t1) (local.get $t3)))
      (local.set $w3 (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $t1) (local.get $t3)))

      ;; h += block, limb by limb; each has at most 27 bits.
      (local.set $h0 (i32x4.add (local.get $h0) (v128.and (local.get $w0) (local.get $limb32))))
      (local.set $h1 (i32x4.add (local.get $h1) (v128.and (local.get $limb32)
        (v128.or (i32x4.shr_u (local.get $w0) (i32.const 26)) (i32x4.shl (local.get $w1) (i32.const 6))))))
      (local.set $h2 (i32x4.add (local.get $h2) (v128.and (local.get $limb32)
        (v128.or (i32x4.shr_u (local.get $w1) (i32.const 20)) (i32x4.shl (local.get $w2) (i32.const 12))))))
      (local.set $h3 (i32x4.add (local.get $h3) (v128.and (local.get $limb32)
        (v128.or (i32x4.shr_u (local.get $w2) (i32.const 14)) (i32x4.shl (local.get $w3) (i32.const 18))))))
      (local.set $h4 (i32x4.add (local.get $h4)
        (v128.or (i32x4.shr_u (local.get $w3) (i32.const 8)) (local.get $high))))

      ;; The powers for this turn.
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (local.set $powers (select (i32.const 0) (i32.const 144) (i32.lt_u (local.get $at) (local.get $end))))
      (local.set $r0 (v128.load offset=0 (local.get $powers)))
      (local.set $r1 (v128.load offset=16 (local.get $powers)))
      (local.set $r2 (v128.load offset=32 (local.get $powers)))
      (local.set $r3 (v128.load offset=48 (local.get $powers)))
      (local.set $r4 (v128.load offset=64 (local.get $powers)))
      (local.set $s1 (v128.load offset=80 (local.get $powers)))
      (local.set $s2 (v128.load offset=96 (local.get $powers)))
      (local.set $s3 (v128.load offset=112 (local.get $powers)))
      (local.set $s4 (v128.load offset=128 (local.get $powers)))

      ;; Lanes 0 and 1 of h times the powers: $a0..$a4, 64 bits each.
      (local.set $a0 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_low_i32x4_u (local.get $h0) (local.get $r0))
        (i64x2.extmul_low_i32x4_u (local.get $h1) (local.get $s4)))
        (i64x2.extmul_low_i32x4_u (local.get $h2) (local.get $s3)))
        (i64x2.extmul_low_i32x4_u (local.get $h3) (local.get $s2)))
        (i64x2.extmul_low_i32x4_u (local.get $h4) (local.get $s1))))
      (local.set $a1 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_low_i32x4_u (local.get $h0) (local.get $r1))
        (i64x2.extmul_low_i32x4_u (local.get $h1) (local.get $r0)))
        (i64x2.extmul_low_i32x4_u (local.get $h2) (local.get $s4)))
        (i64x2.extmul_low_i32x4_u (local.get $h3) (local.get $s3)))
        (i64x2.extmul_low_i32x4_u (local.get $h4) (local.get $s2))))
      (local.set $a2 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_low_i32x4_u (local.get $h0) (local.get $r2))
        (i64x2.extmul_low_i32x4_u (local.get $h1) (local.get $r1)))
        (i64x2.extmul_low_i32x4_u (local.get $h2) (local.get $r0)))
        (i64x2.extmul_low_i32x4_u (local.get $h3) (local.get $s4)))
        (i64x2.extmul_low_i32x4_u (local.get $h4) (local.get $s3))))
      (local.set $a3 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_low_i32x4_u (local.get $h0) (local.get $r3))
        (i64x2.extmul_low_i32x4_u (local.get $h1) (local.get $r2)))
        (i64x2.extmul_low_i32x4_u (local.get $h2) (local.get $r1)))
        (i64x2.extmul_low_i32x4_u (local.get $h3) (local.get $r0)))
        (i64x2.extmul_low_i32x4_u (local.get $h4) (local.get $s4))))
      (local.set $a4 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_low_i32x4_u (local.get $h0) (local.get $r4))
        (i64x2.extmul_low_i32x4_u (local.get $h1) (local.get $r3)))
        (i64x2.extmul_low_i32x4_u (local.get $h2) (local.get $r2)))
        (i64x2.extmul_low_i32x4_u (local.get $h3) (local.get $r1)))
        (i64x2.extmul_low_i32x4_u (local.get $h4) (local.get $r0))))

      ;; Lanes 2 and 3: $b0..$b4.
      (local.set $b0 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_high_i32x4_u (local.get $h0) (local.get $r0))
        (i64x2.extmul_high_i32x4_u (local.get $h1) (local.get $s4)))
        (i64x2.extmul_high_i32x4_u (local.get $h2) (local.get $s3)))
        (i64x2.extmul_high_i32x4_u (local.get $h3) (local.get $s2)))
        (i64x2.extmul_high_i32x4_u (local.get $h4) (local.get $s1))))
      (local.set $b1 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_high_i32x4_u (local.get $h0) (local.get $r1))
        (i64x2.extmul_high_i32x4_u (local.get $h1) (local.get $r0)))
        (i64x2.extmul_high_i32x4_u (local.get $h2) (local.get $s4)))
        (i64x2.extmul_high_i32x4_u (local.get $h3) (local.get $s3)))
        (i64x2.extmul_high_i32x4_u (local.get $h4) (local.get $s2))))
      (local.set $b2 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_high_i32x4_u (local.get $h0) (local.get $r2))
        (i64x2.extmul_high_i32x4_u (local.get $h1) (local.get $r1)))
        (i64x2.extmul_high_i32x4_u (local.get $h2) (local.get $r0)))
        (i64x2.extmul_high_i32x4_u (local.get $h3) (local.get $s4)))
        (i64x2.extmul_high_i32x4_u (local.get $h4) (local.get $s3))))
      (local.set $b3 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_high_i32x4_u (local.get $h0) (local.get $r3))
        (i64x2.extmul_high_i32x4_u (local.get $h1) (local.get $r2)))
        (i64x2.extmul_high_i32x4_u (local.get $h2) (local.get $r1)))
        (i64x2.extmul_high_i32x4_u (local.get $h3) (local.get $r0)))
        (i64x2.extmul_high_i32x4_u (local.get $h4) (local.get $s4))))
      (local.set $b4 (i64x2.add (i64x2.add (i64x2.add (i64x2.add
        (i64x2.extmul_high_i32x4_u (local.get $h0) (local.get $r4))
        (i64x2.extmul_high_i32x4_u (local.get $h1) (local.get $r3)))
        (i64x2.extmul_high_i32x4_u (local.get $h2) (local.get $r2)))
        (i64x2.extmul_high_i32x4_u (local.get $h3) (local.get $r1)))
        (i64x2.extmul_high_i32x4_u (local.get $h4) (local.get $r0))))

      ;; Carry, in two short chains side by side. Afterwards only limbs 1 and 4 may exceed 26 bits, by one carry.
      (local.set $a1 (i64x2.add (local.get $a1) (i64x2.shr_u (local.get $a0) (i32.const 26))))
      (local.set $a0 (v128.and (local.get $a0) (local.get $limb64)))
      (local.set $a4 (i64x2.add (local.get $a4) (i64x2.shr_u (local.get $a3) (i32.const 26))))
      (local.set $a3 (v128.and (local.get $a3) (local.get $limb64)))
      (local.set $a2 (i64x2.add (local.get $a2) (i64x2.shr_u (local.get $a1) (i32.const 26))))
      (local.set $a1 (v128.and (local.get $a1) (local.get $limb64)))
      (local.set $carry (i64x2.shr_u (local.get $a4) (i32.const 26)))
      (local.set $a4 (v128.and (local.get $a4) (local.get $limb64)))
      (local.set $a0 (i64x2.add (local.get $a0)
        (i64x2.add (local.get $carry) (i64x2.shl (local.get $carry) (i32.const 2)))))
      (local.set $a3 (i64x2.add (local.get $a3) (i64x2.shr_u (local.get $a2) (i32.const 26))))
      (local.set $a2 (v128.and (local.get $a2) (local.get $limb64)))
      (local.set $a1 (i64x2.add (local.get $a1) (i64x2.shr_u (local.get $a0) (i32.const 26))))
      (local.set $a0 (v128.and (local.get $a0) (local.get $limb64)))
      (local.set $a4 (i64x2.add (local.get $a4) (i64x2.shr_u (local.get $a3) (i32.const 26))))
      (local.set $a3 (v128.and (local.get $a3) (local.get $limb64)))

      (local.set $b1 (i64x2.add (local.get $b1) (i64x2.shr_u (local.get $b0) (i32.const 26))))
      (local.set $b0 (v128.and (local.get $b0) (local.get $limb64)))
      (local.set $b4 (i64x2.add (local.get $b4) (i64x2.shr_u (local.get $b3) (i32.const 26))))
      (local.set $b3 (v128.and (local.get $b3) (local.get $limb64)))
      (local.set $b2 (i64x2.add (local.get $b2) (i64x2.shr_u (local.get $b1) (i32.const 26))))
      (local.set $b1 (v128.and (local.get $b1) (local.get $limb64)))
      (local.set $carry (i64x2.shr_u (local.get $b4) (i32.const 26)))
      (local.set $b4 (v128.and (local.get $b4) (local.get $limb64)))
      (local.set $b0 (i64x2.add (local.get $b0)
        (i64x2.add (local.get $carry) (i64x2.shl (local.get $carry) (i32.const 2)))))
      (local.set $b3 (i64x2.add (local.get $b3) (i64x2.shr_u (local.get $b2) (i32.const 26))))
      (local.set $b2 (v128.and (local.get $b2) (local.get $limb64)))
      (local.set $b1 (i64x2.add (local.get $b1) (i64x2.shr_u (local.get $b0) (i32.const 26))))
      (local.set $b0 (v128.and (local.get $b0) (local.get $limb64)))
      (local.set $b4 (i64x2.add (local.get $b4) (i64x2.shr_u (local.get $b3) (i32.const 26))))
      (local.set $b3 (v128.and (local.get $b3) (local.get $limb64)))

      ;; Back to 32-bit lanes.
      (local.set $h0 (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a0) (local.get $b0)))
      (local.set $h1 (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a1) (local.get $b1)))
      (local.set $h2 (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a2) (local.get $b2)))
      (local.set $h3 (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a3) (local.get $b3)))
      (local.set $h4 (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a4) (local.get $b4)))

      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))

    (global.set $h0 (call $sum_of_lanes (local.get $h0)))
    (global.set $h1 (call $sum_of_lanes (local.get $h1)))
    (global.set $h2 (call $sum_of_lanes (local.get $h2)))
    (global.set $h3 (call $sum_of_lanes (local.get $h3)))
    (global.set $h4 (call $sum_of_lanes (local.get $h4))))

  (func $sum_of_lanes (param $lanes v128) (result i64)
    (local $pairs v128)
    (local.set $pairs (i64x2.extend_low_i32x4_u (local.get $lanes)))
    (local.set $pairs (i64x2.add (local.get $pairs) (i64x2.extend_high_i32x4_u (local.get $lanes))))
    (i64.add (i64x2.extract_lane 0 (local.get $pairs)) (i64x2.extract_lane 1 (local.get $pairs))))

  ;; Ends the message: replaces the 16 bytes s at $mask by the tag, (h mod p + s) mod 2^128.
  (func $finish (export "finish") (param $mask i32)
    (local $excess i64)
    (local $low i64)
    (local $high i64)
    ;; Afterwards only limb 0 may exceed 26 bits, and only slightly, so that h < 2p.
    (call $carry)

    ;; 1 if h >= p, because h + 5 then reaches 2^130.
    (local.set $excess (i64.shr_u (i64.add (global.get $h0) (i64.const 5)) (i64.const 26)))
    (local.set $excess (i64.shr_u (i64.add (global.get $h1) (local.get $excess)) (i64.const 26)))
    (local.set $excess (i64.shr_u (i64.add (global.get $h2) (local.get $excess)) (i64.const 26)))
    (local.set $excess (i64.shr_u (i64.add (global.get $h3) (local.get $excess)) (i64.const 26)))
    (local.set $excess (i64.shr_u (i64.add (global.get $h4) (local.get $excess)) (i64.const 26)))

    ;; h - p = h + 5 - 2^130. The bits above 2^128 are dropped below.
    (global.set $h0 (i64.add (global.get $h0) (i64.mul (local.get $excess) (i64.const 5))))
    (call $carry_first)
    (global.set $h2 (i64.add (global.get $h2) (i64.shr_u (global.get $h1) (i64.const 26))))
    (global.set $h1 (i64.and (global.get $h1) (i64.const 0x3ffffff)))
    (global.set $h3 (i64.add (global.get $h3) (i64.shr_u (global.get $h2) (i64.const 26))))
    (global.set $h2 (i64.and (global.get $h2) (i64.const 0x3ffffff)))
    (global.set $h4 (i64.add (global.get $h4) (i64.shr_u (global.get $h3) (i64.const 26))))
    (global.set $h3 (i64.and (global.get $h3) (i64.const 0x3ffffff)))

    (local.set $low (i64.or (global.get $h0)
      (i64.or (i64.shl (global.get $h1) (i64.const 26)) (i64.shl (global.get $h2) (i64.const 52)))))
    (local.set $high (i64.or (i64.shr_u (global.get $h2) (i64.const 12))
      (i64.or (i64.shl (global.get $h3) (i64.const 14)) (i64.shl (global.get $h4) (i64.const 40)))))
    (local.set $high (i64.add (local.get $high) (i64.load offset=8 (local.get $mask))))
    (local.set $low (i64.add (local.get $low) (i64.load offset=0 (local.get $mask))))
    (local.set $high (i64.add (local.get $high)
      (i64.extend_i32_u (i64.lt_u (local.get $low) (i64.load offset=0 (local.get $mask))))))
    (i64.store offset=0 (local.get $mask) (local.get $low))
    (i64.store offset=8 (local.get $mask) (local.get $high)))
)
