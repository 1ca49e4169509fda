<?php

use Relay_Connector\Settings;

final class CommentsTest extends RelayTestCase {

	private function comment( array $changes = array() ) {
		return wp_insert_comment(
			$changes + array(
				'comment_post_ID'      => 1,
				'comment_author'       => 'Jane',
				'comment_author_email' => 'jane@example.org',
				'comment_author_url'   => 'https://jane.example',
				'comment_content'      => "Hello\x00\x07 there",
				'comment_type'         => 'comment',
				'comment_approved'     => 1,
			)
		);
	}

	public function test_an_approved_comment_is_sent_as_it_then_is() {
		$id = $this->comment();
		wp_update_comment(
			array(
				'comment_ID'      => $id,
				'comment_content' => 'Corrected',
			)
		);
		$data = $this->sent( 'comment.created' );
		$this->assertSame( $id, $data['id'] );
		$this->assertSame( 'Corrected', $data['content'] );
	}

	/** What is never sent: type, status. */
	public function strangers() {
		return array(
			array( 'order_note', 1 ),
			array( 'note', 1 ),
			array( 'pingback', 1 ),
			array( 'trackback', 1 ),
			array( 'comment', 0 ),
			array( 'comment', 'spam' ),
			array( 'comment', 'trash' ),
		);
	}

	/** @dataProvider strangers */
	public function test_other_types_and_unapproved_comments_are_not_recorded( $type, $approved ) {
		update_option( Settings::SEND_HELD, 0 );
		$this->comment(
			array(
				'comment_type'     => $type,
				'comment_approved' => $approved,
			)
		);
		$this->assertSame( array(), $this->rows() );
	}

	public function test_approving_and_unspamming_sends_once() {
		$id = $this->comment( array( 'comment_approved' => 0 ) );
		wp_set_comment_status( $id, 'approve' );
		wp_set_comment_status( $id, 'hold' );
		wp_set_comment_status( $id, 'approve' );
		$this->assertCount( 1, $this->send_all() );
		$this->assertCount( 0, $this->send_all() );
	}

	public function test_control_characters_are_removed() {
		$this->comment();
		$this->assertSame( 'Hello there', $this->sent( 'comment.created' )['content'] );
	}

	/** Comments as WordPress stores them, their text, and their HTML if it differs. */
	public function texts() {
		return array(
			array( 'Tom &amp; Jerry, see https://example.com/?a=1&amp;b=2', 'Tom & Jerry, see https://example.com/?a=1&b=2', 'Tom &amp; Jerry, see https://example.com/?a=1&amp;b=2' ),
			array( 'Tom and Jerry', 'Tom and Jerry', null ),
			array( "<p>one &lt;b&gt;</p>\n<p>two</p>", "one <b>\n\ntwo", "<p>one &lt;b&gt;</p>\n<p>two</p>" ),
			array( 'bold <b onclick="x()">word</b><script>y()</script>', 'bold word', 'bold <b>word</b>y()' ),
			array( 'Cable 3&lt;5V&gt;1 😀', 'Cable 3<5V>1 😀', 'Cable 3&lt;5V&gt;1 😀' ),
		);
	}

	/** @dataProvider texts */
	public function test_a_comment_is_sent_as_a_person_reads_it( $stored, $text, $html ) {
		$this->comment( array( 'comment_content' => $stored ) );
		$data = $this->sent( 'comment.created' );
		$this->assertSame( array( $text, $html ), array( $data['content'], isset( $data['content_html'] ) ? $data['content_html'] : null ) );
	}

	/** A visitor writes a comment, past nothing that WordPress does with it. */
	private function write( array $more ) {
		return wp_new_comment( wp_slash( $more + array( 'comment_post_ID' => 1, 'comment_author' => "O'Neil & Söhne", 'comment_author_email' => 'jane@example.org', 'comment_author_url' => '', 'comment_content' => 'Q&A: 6 & 7 > 3', 'comment_type' => 'comment', 'comment_author_IP' => '127.0.0.1' ) ), true );
	}

	public function test_what_a_visitor_writes_is_decoded_once() {
		$this->write( array() );
		$data = $this->sent( 'comment.created' );
		$this->assertSame( array( 'Q&A: 6 & 7 > 3', "O'Neil & Söhne" ), array( $data['content'], $data['author'] ) );
		$this->assertSame( 'Q&amp;A: 6 &amp; 7 &gt; 3', $data['content_html'] );
		$this->assertArrayNotHasKey( 'type', $data );
	}

	public function test_a_review_has_its_rating_and_its_product() {
		register_post_type( 'product', array( 'supports' => array( 'title', 'comments' ) ) );
		$product = wp_insert_post( array( 'post_type' => 'product', 'post_status' => 'publish', 'post_title' => 'Tea & pots', 'comment_status' => 'open' ) );
		$_POST   = array( 'comment_post_ID' => $product, 'rating' => '4' );
		$id      = $this->write( array( 'comment_post_ID' => $product ) );
		$_POST   = array();
		unregister_post_type( 'product' );
		$this->assertSame( 'review', get_comment( $id )->comment_type );
		$data = $this->sent( 'comment.created' );
		$this->assertSame( array( 'review', 4, $product, 'Tea & pots' ), array( $data['type'], $data['rating'], $data['product_id'], $data['product_name'] ) );
	}

	public function test_author_and_post_title_are_decoded_once() {
		global $wpdb;
		$post = wp_insert_post( array( 'post_title' => 'x', 'post_status' => 'publish', 'post_content' => 'x' ) );
		// As an administrator writes it, without the filters for other people.
		$wpdb->update( $wpdb->posts, array( 'post_title' => 'Hoodie &#8211; blue &amp; <em>warm</em>, 3<5V>1' ), array( 'ID' => $post ) );
		clean_post_cache( $post );
		$this->comment( array( 'comment_post_ID' => $post, 'comment_author' => 'Zo&euml; &amp; Co' ) );
		$data = $this->sent( 'comment.created' );
		$this->assertSame( array( 'Zoë & Co', 'Hoodie – blue & warm, 3<5V>1' ), array( $data['author'], $data['post_title'] ) );
	}

	public function test_a_large_comment_stays_below_the_gateways_limit() {
		$this->comment( array( 'comment_content' => str_repeat( '<b>日本</b> ', 4000 ) ) );
		$data = $this->sent( 'comment.created' );
		$this->assertArrayNotHasKey( 'content_html', $data );
		$this->assertLessThan( 262144, strlen( $this->requests[0]['body'] ) );
	}

	public function test_fields_can_be_excluded_and_the_source_switched_off() {
		$this->choose( array( 'fields' => array( 'comments.author_email' => 0 ) ) );
		$this->comment();
		$data = $this->sent( 'comment.created' );
		$this->assertArrayNotHasKey( 'author_email', $data );
		$this->assertSame( 'https://jane.example', $data['author_url'] );
		$this->choose( array( 'sources' => array( 'comments' => 0 ) ) );
		$this->comment();
		$this->assertCount( 1, $this->rows() );
	}

	public function test_waiting_events_are_withdrawn_when_the_source_is_switched_off() {
		$this->comment();
		$this->choose( array( 'sources' => array( 'comments' => 0 ) ) );
		$this->assertSame( array(), $this->send_all() );
		$this->assertSame( 'withdrawn', $this->rows()[0]->state );
		$this->assertStringContainsString( 'turned off', $this->rows()[0]->last_answer );
	}

	public function test_nothing_is_recorded_before_the_site_is_connected() {
		update_option( Settings::SECRET, array() );
		delete_option( Settings::CONNECTED_AT );
		$this->comment();
		wp_insert_user(
			array(
				'user_login' => 'early',
				'user_pass'  => 'x',
			)
		);
		$this->assertInstanceOf( WP_Error::class, relay_connector_send_event( 'x.early' ) );
		$this->assertSame( array(), $this->rows() );
	}
}
