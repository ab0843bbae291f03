# What differs from run to run and says nothing: ids, times, sizes of messages,
# where something happens to run.
/^xc: (info|progress|detail): /d
/Frames: |^(Saving|Loading) .*: /d
/Frames: [0-9]/d
s/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/UUID/g
s/\b(Domain|domain|domid|dom) [0-9]+\b/\1 ID/g
s/("domid": )[0-9]+/\1ID/
s/(\[|pid |process )[0-9]{2,}\b/\1PID/g
s/(info 0x[0-9a-f]+\/0x[0-9a-f]+)\/[0-9]+/\1\/SIZE/
s/^(\$ (lsevtchn|xl domname|xenctx|xenctx --all|\/wabe\/controls)) [0-9]+/\1 ID/
s/(backend|frontend|device|domain)\/[0-9]+\//\1\/ID\//g
s/(vbd|vif)\/[0-9]+\//\1\/ID\//g
s/\bvif[0-9]+\./vifID./g
s/\/libxl\/[0-9]+\//\/libxl\/ID\//g
s/\b0x[0-9a-f]+ pages/N pages/
# xl list
/^\S+ +[0-9]+ +[0-9]+ +[0-9]+ +[-r][-b][-p][-s][-cw][-d] +[0-9.]+/{
	s/^(\S+) +[0-9]+ +([0-9]+) +([0-9]+) +..(....) +[0-9.]+/\1 ID \2 \3 --\4 T/
	s/ +/ /g
}
# xl vcpu-list
/^\S+ +[0-9]+ +[0-9]+ +[-0-9]+ +[-r][-b][-p] +[0-9.]+ /{
	s/^(\S+) +[0-9]+ +([0-9]+) +[0-9]+ +..(.) +[0-9.]+ /\1 ID \2 CPU --\3 T /
	s/^(\S+) +[0-9]+ +([0-9]+) +- +..(.) +[0-9.]+ /\1 ID \2 - --\3 T /
	s/ +/ /g
}
# xl sched-credit2
/^\S+ +[0-9]+ +[0-9]+ +[0-9]+ *$/{
	s/^(\S+) +[0-9]+ /\1 ID /
	s/ +/ /g
}
# xentop
/^ *\S+ [-a-z]{6} +[0-9]+ +[0-9.]+ /{
	s/^ *(\S+) \S+ +[0-9]+ +[0-9.]+/\1 STATE T P/
	s/ +/ /g
}
s/ +[0-9]+s\b/ Ts/g
# xl network-list, block-list
s#^([0-9]+ +[0-9]+ .* 4 +)[-0-9]+ +[-0-9/]+ +(/local/)#\1P R \2#
s#^([0-9]{5} +[0-9]+) +[0-9]+ +4 +#\1 ID 4 #
# lsevtchn
s/, Port [0-9]+/, Port P/
# xenctx
s/\b[0-9a-f]{16}\b/H/g
s/\b0x[0-9a-f]{5,}\b/0xH/g
# Wabe has no rate limit of context switches and says 0.
s/ratelimit=[0-9]+us/ratelimit=R/
s/^([0-9a-f]{2} )+<[0-9a-f]{2}>( [0-9a-f]{2})+ *$/CODE/
