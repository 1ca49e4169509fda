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
			array( 'Tom &amp; Jerry, see https://example.com/?a=1&amp;b=2', 'Tom & Jerry, see https://example.com/?a=1&b=2', null ),
			array( "<p>one &lt;b&gt;</p>\n<p>two</p>", "one <b>\n\ntwo", "<p>one &lt;b&gt;</p>\n<p>two</p>" ),
			array( 'bold <b onclick="x()">word</b><script>y()</script>', 'bold word', 'bold <b>word</b>y()' ),
			array( 'Cable 3&lt;5V&gt;1 😀', 'Cable 3<5V>1 😀', null ),
		);
	}

	/** @dataProvider texts */
	public function test_a_comment_is_sent_as_a_person_reads_it( $stored, $text, $html ) {
		$this->comment( array( 'comment_content' => $stored ) );
		$data = $this->sent( 'comment.created' );
		$this->assertSame( array( $text, $html ), array( $data['content'], isset( $data['content_html'] ) ? $data['content_html'] : null ) );
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
