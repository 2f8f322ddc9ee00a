"""The resident's portal, 我的健康我管理: one's own lifelong record from all institutions."""
